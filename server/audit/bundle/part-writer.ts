import 'server-only'
import { setImmediate } from 'node:timers/promises'
import type { RowBlock } from '../row-block.ts'
import type { MadeRows, PartRows } from './row-maker.ts'
import type { PartToSeal } from './seal.ts'
import type { BundleStore, StoredFile, StoreWriter } from './store.ts'

/** A part that is written: its events by day, and its leaves beside it. */
export type WrittenPart = PartToSeal & { leaves: StoredFile; days: Record<string, number> }

/** Writes one part and its leaves into a store. */
export type PartWriter = {
  readonly count: number
  /**
   * Writes rows `from` (included) to `to` (excluded) of a block; all of them where it says no more. Answers when the block before it
   * is written: this one is worked on, and stays as it is until the next call answers.
   */
  add(block: RowBlock, from?: number, to?: number): Promise<void>
  finish(): Promise<WrittenPart>
  /** Gives it up; `rows` of it are of no further use. */
  abandon(): Promise<void>
}

/** Begins part `number`, or begins it again. One part at a time for the same `rows`. */
export async function partWriter(store: BundleStore, number: number, rows: PartRows): Promise<PartWriter> {
  const events = await store.create(`part-${number}`)
  const leaves = await store.create(`leaves-${number}`)
  return new StoredPart({ events, leaves, rows })
}

class StoredPart implements PartWriter {
  count = 0
  readonly #events: StoreWriter
  readonly #leaves: StoreWriter
  readonly #rows: PartRows
  #first = 0
  #last = 0
  /** What the last block becomes. */
  #making: AsyncIterable<MadeRows> | Iterable<MadeRows> = []

  constructor(made: { events: StoreWriter; leaves: StoreWriter; rows: PartRows }) {
    this.#events = made.events
    this.#leaves = made.leaves
    this.#rows = made.rows
  }

  async add(block: RowBlock, from = 0, to = block.count): Promise<void> {
    if (from === to) return
    if (this.count === 0) this.#first = block.indexes[from] ?? 0
    this.#last = block.indexes[to - 1] ?? 0
    this.count += to - from
    const before = this.#making
    this.#making = this.#rows.add(block, from, to)
    await this.#write(before)
  }

  async finish(): Promise<WrittenPart> {
    await this.#write(this.#making)
    const { events: last, days } = await this.#rows.end()
    await this.#events.write(last)
    const [stored, leaves] = [await this.#events.finish(), await this.#leaves.finish()]
    const events = { count: this.count, first: this.#first, last: this.#last }
    return { stored, leaves, events, days }
  }

  async abandon(): Promise<void> {
    await this.#events.abandon()
    await this.#leaves.abandon()
  }

  async #write(made: AsyncIterable<MadeRows> | Iterable<MadeRows>): Promise<void> {
    for await (const { events, leaves } of made) {
      await this.#events.write(events)
      await this.#leaves.write(leaves)
      // Whoever waits has a turn: the database goes on sending meanwhile.
      await setImmediate()
    }
  }
}

/** Events of several parts by day. */
export function sumDays(parts: readonly Pick<WrittenPart, 'days'>[]): Record<string, number> {
  const days: Record<string, number> = {}
  for (const part of parts) for (const [day, count] of Object.entries(part.days)) days[day] = (days[day] ?? 0) + count
  return days
}
