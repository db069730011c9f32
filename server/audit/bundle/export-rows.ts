import 'server-only'
import type { RowBlock } from '../row-block.ts'
import { type MadeRows, type PartEnd, type PartRows, RowMaker } from './row-maker.ts'
import { RowThread } from './row-thread.ts'
import type { RowForm } from './row-writer.ts'

/** Rows of a first block that are worth a thread: it takes a quarter of a second to start. */
const MANY = 4_000

/** The rows of an export's parts: made in a thread where there are many, here where they are few or masked. */
export class ExportRows implements PartRows {
  readonly #form: RowForm
  readonly #here: RowMaker
  #thread: RowThread | null = null
  #open: PartRows | null = null

  constructor(form: RowForm) {
    this.#form = form
    this.#here = new RowMaker(form)
  }

  add(block: RowBlock, from: number, to: number): AsyncIterable<MadeRows> | Iterable<MadeRows> {
    // A part is made in one place, from its first row to its last.
    this.#open ??= this.#placeFor(block)
    return this.#open.add(block, from, to)
  }

  end(): Promise<PartEnd> | PartEnd {
    const open = this.#open ?? this.#here
    this.#open = null
    return open.end()
  }

  /** Ends the thread, if there is one; nothing is made any more. */
  async close(): Promise<void> {
    await this.#thread?.close()
  }

  #placeFor({ count }: RowBlock): PartRows {
    const { mask, ...form } = this.#form
    if (!this.#thread && (mask || count < MANY)) return this.#here
    this.#thread ??= new RowThread(form)
    return this.#thread
  }
}
