/** The parts of a list's URL that the table itself writes. A changed filter or order drops the cursor. */
export type Sort = { key: string; direction: 'asc' | 'desc' }

/** `?sort=lastSeen` is ascending, `?sort=-lastSeen` descending. */
export function formatSort({ key, direction }: Sort): string {
  return direction === 'desc' ? `-${key}` : key
}

/** Reads `?sort=`; null where there is none. */
export function parseSort(value: string | null | undefined): Sort | null {
  if (!value) return null
  return value.startsWith('-') ? { key: value.slice(1), direction: 'desc' } : { key: value, direction: 'asc' }
}

/** The same list with some parameters changed; null or '' removes one. */
export function listHref(pathname: string, current: URLSearchParams, changes: Record<string, string | null>): string {
  const params = new URLSearchParams(current)
  for (const [name, value] of Object.entries(changes)) {
    if (value) params.set(name, value)
    else params.delete(name)
  }
  const query = params.toString()
  return query ? `${pathname}?${query}` : pathname
}
