/** How far a zone is from UTC at a moment, in milliseconds. */
function offsetMs(at: number, timeZone: string): number {
  const parts = new Intl.DateTimeFormat('en', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(at)
  const of = (type: string) => Number(parts.find((part) => part.type === type)?.value)
  const local = Date.UTC(of('year'), of('month') - 1, of('day'), of('hour'), of('minute'), of('second'))
  return local - Math.floor(at / 1_000) * 1_000
}

/** The moment of a clock on the wall (`2026-11-22T09:41` or with seconds) in a zone; null when it is none. */
export function momentOf(wall: string, timeZone: string): Date | null {
  const asUtc = Date.parse(`${wall}Z`)
  if (Number.isNaN(asUtc)) return null
  // Twice: the first guess may lie on the other side of a change of summer time.
  const guess = asUtc - offsetMs(asUtc, timeZone)
  return new Date(asUtc - offsetMs(guess, timeZone))
}

/** The clock on the wall of a zone, as `<input type="datetime-local" step="1">` takes it. */
export function wallOf(moment: string, timeZone: string): string {
  const at = Date.parse(moment)
  return new Date(at + offsetMs(at, timeZone)).toISOString().slice(0, 19)
}
