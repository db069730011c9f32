import 'server-only'
import { zonedClock } from '#lib/zoned-time.ts'
import { type BundleRow, leafRecords, type RowForm, type RowWriter, rowWriter } from './row-writer.ts'
import type { PartToSeal } from './seal.ts'
import type { BundleStore, StoredFile, StoreWriter } from './store.ts'

/** A part that is written: its events by day, and its leaves beside it. */
export type WrittenPart = PartToSeal & { leaves: StoredFile; days: Record<string, number> }

/** Writes one part and its leaves into a store. */
export type PartWriter = {
  readonly count: number
  add(rows: readonly BundleRow[]): Promise<void>
  finish(): Promise<WrittenPart>
  abandon(): Promise<void>
}

/** Begins part `number`, or begins it again. */
export async function partWriter(store: BundleStore, number: number, form: RowForm): Promise<PartWriter> {
  const events = await store.create(`part-${number}`)
  const leaves = await store.create(`leaves-${number}`)
  const rows = rowWriter(form)
  await events.write(rows.begin())
  return new StoredPart({ events, leaves, rows, timeZone: form.timeZone })
}

const MINUTE_MS = 60_000

class StoredPart implements PartWriter {
  count = 0
  readonly #events: StoreWriter
  readonly #leaves: StoreWriter
  readonly #rows: RowWriter
  readonly #clock: (timeMs: number) => string
  readonly #days = new Map<string, number>()
  #minute = Number.NaN
  #day = ''
  #first = 0
  #last = 0

  constructor(made: { events: StoreWriter; leaves: StoreWriter; rows: RowWriter; timeZone: string }) {
    this.#events = made.events
    this.#leaves = made.leaves
    this.#rows = made.rows
    this.#clock = zonedClock(made.timeZone)
  }

  async add(rows: readonly BundleRow[]): Promise<void> {
    if (rows.length === 0) return
    if (this.count === 0) this.#first = rows[0]?.index ?? 0
    this.#last = rows.at(-1)?.index ?? 0
    this.count += rows.length
    for (const { entry } of rows) this.#countDay(Date.parse(entry.occurredAt))
    await this.#events.write(this.#rows.add(rows))
    await this.#leaves.write(leafRecords(rows))
  }

  /** What falls into the same minute is of the same day, whatever the zone. */
  #countDay(timeMs: number): void {
    const minute = Math.floor(timeMs / MINUTE_MS)
    if (minute !== this.#minute) {
      this.#minute = minute
      this.#day = this.#clock(timeMs).slice(0, 10)
    }
    this.#days.set(this.#day, (this.#days.get(this.#day) ?? 0) + 1)
  }

  async finish(): Promise<WrittenPart> {
    await this.#events.write(this.#rows.end())
    const [stored, leaves] = [await this.#events.finish(), await this.#leaves.finish()]
    const events = { count: this.count, first: this.#first, last: this.#last }
    return { stored, leaves, events, days: Object.fromEntries(this.#days) }
  }

  async abandon(): Promise<void> {
    await this.#events.abandon()
    await this.#leaves.abandon()
  }
}

/** Events of several parts by day. */
export function sumDays(parts: readonly Pick<WrittenPart, 'days'>[]): Record<string, number> {
  const days: Record<string, number> = {}
  for (const part of parts) for (const [day, count] of Object.entries(part.days)) days[day] = (days[day] ?? 0) + count
  return days
}
