/** An API key's name as a `source` may carry it behind `app:`; empty when nothing of it can. */
export function appNameOf(keyName: string): string {
  return keyName
    .normalize('NFC')
    .replace(/[^\p{L}\p{M}\p{N} ._-]/gu, ' ')
    .replace(/^[^\p{L}\p{N}]+/u, '')
    .slice(0, 64)
    .replace(/[^\p{L}\p{M}\p{N}]+$/u, '')
}

/** Whether two keys of different names would speak as one app. Keys of the same name do so on purpose: a new key for an old app. */
export function isSameApp(name: string, other: string): boolean {
  const bare = appNameOf(name).toLowerCase()
  return name !== other && bare !== '' && bare === appNameOf(other).toLowerCase()
}
