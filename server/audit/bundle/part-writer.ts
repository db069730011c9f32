import 'server-only'
import { setImmediate } from 'node:timers/promises'
import type { RowBlock } from '../row-block.ts'
import { leafRecords, type RowForm, type RowWriter, rowWriter } from './row-writer.ts'
import type { PartToSeal } from './seal.ts'
import type { BundleStore, StoredFile, StoreWriter } from './store.ts'

/** A part that is written: its events by day, and its leaves beside it. */
export type WrittenPart = PartToSeal & { leaves: StoredFile; days: Record<string, number> }

/** Writes one part and its leaves into a store. */
export type PartWriter = {
  readonly count: number
  /** Writes rows `from` (included) to `to` (excluded) of a block; all of them where it says no more. */
  add(block: RowBlock, from?: number, to?: number): Promise<void>
  finish(): Promise<WrittenPart>
  abandon(): Promise<void>
}

/** Begins part `number`, or begins it again. */
export async function partWriter(store: BundleStore, number: number, form: RowForm): Promise<PartWriter> {
  const events = await store.create(`part-${number}`)
  const leaves = await store.create(`leaves-${number}`)
  const rows = rowWriter(form)
  await events.write(rows.begin())
  return new StoredPart({ events, leaves, rows })
}

/** So many are written before whoever waits has a turn: the database goes on sending meanwhile. */
const TURN_ROWS = 512

class StoredPart implements PartWriter {
  count = 0
  readonly #events: StoreWriter
  readonly #leaves: StoreWriter
  readonly #rows: RowWriter
  #first = 0
  #last = 0

  constructor(made: { events: StoreWriter; leaves: StoreWriter; rows: RowWriter }) {
    this.#events = made.events
    this.#leaves = made.leaves
    this.#rows = made.rows
  }

  async add(block: RowBlock, from = 0, to = block.count): Promise<void> {
    if (from === to) return
    if (this.count === 0) this.#first = block.indexes[from] ?? 0
    this.#last = block.indexes[to - 1] ?? 0
    this.count += to - from
    for (let start = from; start < to; start += TURN_ROWS) {
      const end = Math.min(to, start + TURN_ROWS)
      await this.#events.write(this.#rows.add(block, start, end))
      await this.#leaves.write(leafRecords(block, start, end))
      await setImmediate()
    }
  }

  async finish(): Promise<WrittenPart> {
    await this.#events.write(this.#rows.end())
    const [stored, leaves] = [await this.#events.finish(), await this.#leaves.finish()]
    const events = { count: this.count, first: this.#first, last: this.#last }
    return { stored, leaves, events, days: this.#rows.days.read() }
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
