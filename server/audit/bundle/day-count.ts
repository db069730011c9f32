import 'server-only'

/** How long a day is, as a time begins with it. */
export const DAY_LENGTH = '2026-01-31'.length

/** Events by day. Those of one day mostly follow each other. */
export class DayCount {
  readonly #days = new Map<string, number>()
  #day = ''
  #count = 0

  add(day: string): void {
    if (day === this.#day) {
      this.#count += 1
      return
    }
    this.#days.set(this.#day, this.#count)
    this.#day = day
    this.#count = (this.#days.get(day) ?? 0) + 1
  }

  /** The days on which there was something. */
  read(): Record<string, number> {
    this.#days.set(this.#day, this.#count)
    return Object.fromEntries([...this.#days].filter(([day]) => day !== ''))
  }
}
