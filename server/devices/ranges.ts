/** Half-open ranges of event numbers, ascending and apart, as PostgreSQL writes an int8multirange: `{[1,5),[7,9)}`. */
export type Range = readonly [from: number, to: number]

/** Numbers are safe integers: the door refuses larger ones. */
export function parseRanges(text: string): Range[] {
  return [...text.matchAll(/\[(\d+),(\d+)\)/g)].map(([, from, to]) => [Number(from), Number(to)] as const)
}

export function formatRanges(ranges: readonly Range[]): string {
  return `{${ranges.map(([from, to]) => `[${from},${to})`).join(',')}}`
}

/** Whether `value` lies in one of the ranges. */
export function includes(ranges: readonly Range[], value: number): boolean {
  let low = 0
  let high = ranges.length - 1
  while (low <= high) {
    const middle = (low + high) >> 1
    const [from, to] = ranges[middle] ?? [0, 0]
    if (value < from) high = middle - 1
    else if (value >= to) low = middle + 1
    else return true
  }
  return false
}

/** The runs of consecutive numbers in an ascending list. */
export function runsOf(values: readonly number[]): Range[] {
  const runs: [number, number][] = []
  for (const value of values) {
    const last = runs.at(-1)
    if (last && last[1] === value) last[1] = value + 1
    else runs.push([value, value + 1])
  }
  return runs
}

/** What lies between 1 and the highest number and never came. */
export function gapsIn(ranges: readonly Range[]): Range[] {
  const gaps: Range[] = []
  let next = 1
  for (const [from, to] of ranges) {
    if (from > next) gaps.push([next, from])
    next = to
  }
  return gaps
}
