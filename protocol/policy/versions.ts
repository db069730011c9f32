/** A version as apps write it: one to four numbers, then an optional pre-release (`1.4`, `2.0.1-beta.2`). */
export const VERSION_PATTERN = /^\d{1,9}(?:\.\d{1,9}){0,3}(?:-[0-9A-Za-z](?:[0-9A-Za-z.-]{0,30}[0-9A-Za-z])?)?$/

type ParsedVersion = { numbers: number[]; pre: string[] }

function parseVersion(version: string): ParsedVersion | null {
  const [bare = ''] = version.trim().replace(/^v/, '').split('+')
  if (!VERSION_PATTERN.test(bare)) return null
  const dash = bare.indexOf('-')
  const core = dash < 0 ? bare : bare.slice(0, dash)
  return { numbers: core.split('.').map(Number), pre: dash < 0 ? [] : bare.slice(dash + 1).split('.') }
}

function compareIdentifiers(a: string | undefined, b: string | undefined): number {
  if (a === undefined || b === undefined) return a === b ? 0 : a === undefined ? -1 : 1
  const numericA = /^\d+$/.test(a)
  const numericB = /^\d+$/.test(b)
  if (numericA && numericB) return Math.sign(Number(a) - Number(b))
  if (numericA !== numericB) return numericA ? -1 : 1
  return a < b ? -1 : a > b ? 1 : 0
}

function comparePreRelease(a: string[], b: string[]): number {
  if (a.length === 0 || b.length === 0) return Math.sign(b.length - a.length)
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const order = compareIdentifiers(a[i], b[i])
    if (order !== 0) return order
  }
  return 0
}

/**
 * Orders two versions: -1, 0 or 1; null where either is not a version (a caller that guards something treats null as
 * too old). Missing numbers count as 0, a pre-release comes before its release, build metadata (`+…`) is ignored.
 * Source: the precedence rules of semver.org 2.0.0 §11, with one to four numbers.
 */
export function compareVersions(a: string, b: string): -1 | 0 | 1 | null {
  const left = parseVersion(a)
  const right = parseVersion(b)
  if (!left || !right) return null
  for (let i = 0; i < 4; i++) {
    const difference = (left.numbers[i] ?? 0) - (right.numbers[i] ?? 0)
    if (difference !== 0) return difference < 0 ? -1 : 1
  }
  const order = comparePreRelease(left.pre, right.pre)
  return order < 0 ? -1 : order > 0 ? 1 : 0
}

/** Whether `version` is at least `minimum`; an unreadable version never is. */
export function meetsMinimum(version: string, minimum: string): boolean {
  const order = compareVersions(version, minimum)
  return order !== null && order >= 0
}
