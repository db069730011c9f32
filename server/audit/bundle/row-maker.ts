import 'server-only'
import type { RowBlock } from '../row-block.ts'
import { leafRecords, type RowForm, type RowWriter, rowWriter } from './row-writer.ts'

/** What some rows became: bytes of the part, and of its leaves. Good until the next is asked for. */
export type MadeRows = { events: Uint8Array; leaves: Uint8Array }

/** The last bytes of a part, and its events by day. */
export type PartEnd = { events: Uint8Array; days: Record<string, number> }

/** Makes parts out of rows, one part behind another. */
export type PartRows = {
  /** Rows `from` (included) to `to` (excluded) of a block, which stays as it is until all of them were taken; in order. */
  add(block: RowBlock, from: number, to: number): AsyncIterable<MadeRows> | Iterable<MadeRows>
  /** Ends the part, when everything that was added was taken; what is added next begins another one. */
  end(): Promise<PartEnd> | PartEnd
}

/** So many are made before whoever waits has a turn: the database goes on sending meanwhile. */
const TURN_ROWS = 512
const NOTHING = new Uint8Array(0)

/** Makes them in this thread, when they are taken. */
export class RowMaker implements PartRows {
  readonly #form: RowForm
  #rows: RowWriter | null = null

  constructor(form: RowForm) {
    this.#form = form
  }

  *add(block: RowBlock, from: number, to: number): Generator<MadeRows, void> {
    if (!this.#rows) {
      this.#rows = rowWriter(this.#form)
      yield { events: this.#rows.begin(), leaves: NOTHING }
    }
    for (let start = from; start < to; start += TURN_ROWS) {
      const end = Math.min(to, start + TURN_ROWS)
      yield { events: this.#rows.add(block, start, end), leaves: leafRecords(block, start, end) }
    }
  }

  end(): PartEnd {
    const rows = this.#rows ?? rowWriter(this.#form)
    const begin = this.#rows ? NOTHING : rows.begin().slice()
    this.#rows = null
    return { events: Buffer.concat([begin, rows.end()]), days: rows.days.read() }
  }
}
