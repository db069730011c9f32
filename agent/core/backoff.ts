const CAP_MS = 30_000

/** How long to wait before attempt `n` (0 first): doubling from half a second to 30 s, with full jitter on the upper half. */
export function backoffMs(attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(CAP_MS, 500 * 2 ** Math.min(attempt, 10))
  return Math.round(ceiling / 2 + (ceiling / 2) * random())
}
