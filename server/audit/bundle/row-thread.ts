import 'server-only'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { RowBlock } from '../row-block.ts'
import type { MadeRows, PartEnd, PartRows } from './row-maker.ts'
import type { RowAnswer, RowRequest, ThreadForm } from './row-thread-messages.ts'

const ENTRY = 'server/audit/bundle/row-thread-main.ts'
const FLAGS = ['--conditions=react-server', '--disable-warning=ExperimentalWarning']

/**
 * Makes rows in a thread of its own, from the moment they are added: whoever writes them has its own thread for that. Blocks of
 * shared memory are read where they are. What is on its way is bounded by whoever adds: who takes one block before adding the next
 * but one holds two of them. Ends with `close`, which also gives up what was not taken.
 */
export class RowThread implements PartRows {
  readonly #worker: Worker
  #arrived: RowAnswer[] = []
  #spent: ArrayBuffer[] = []
  #failure: Error | null = null
  #wake: () => void = () => {}

  constructor(form: ThreadForm) {
    this.#worker = new Worker(/* turbopackIgnore: true */ join(process.cwd(), ENTRY), {
      workerData: form,
      execArgv: FLAGS,
      // Nothing of ours: no login, no key.
      env: { NODE_ENV: 'production', TZ: 'UTC' },
    })
    this.#worker.on('message', (answer: RowAnswer) => {
      this.#arrived.push(answer)
      this.#wake()
    })
    this.#worker.on('error', (error) => this.#fail(error instanceof Error ? error : new Error(String(error))))
    this.#worker.on('exit', (code) => this.#fail(new Error(`the thread that makes rows ended (${code})`)))
  }

  add(
    { count, bytes, indexes, recordedAt, marks }: RowBlock,
    from: number,
    to: number,
  ): AsyncGenerator<MadeRows, void> {
    const spent = this.#spent
    this.#spent = []
    this.#ask({ kind: 'add', block: { count, bytes, indexes, recordedAt, marks }, from, to, spent }, spent)
    return this.#made()
  }

  async end(): Promise<PartEnd> {
    this.#ask({ kind: 'end' })
    const answer = await this.#next()
    if (answer.kind !== 'ended') throw new Error(`rows were ended before they were taken (${answer.kind})`)
    return answer
  }

  async close(): Promise<void> {
    await this.#worker.terminate()
  }

  async *#made(): AsyncGenerator<MadeRows, void> {
    for (;;) {
      const answer = await this.#next()
      if (answer.kind !== 'made') return
      const { room, events, leaves } = answer
      yield { events: new Uint8Array(room, 0, events), leaves: new Uint8Array(room, events, leaves) }
      this.#spent.push(room)
    }
  }

  #ask(request: RowRequest, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(request, transfer)
  }

  async #next(): Promise<RowAnswer> {
    for (;;) {
      const answer = this.#arrived.shift()
      if (answer) return answer
      if (this.#failure) throw this.#failure
      await new Promise<void>((wake) => {
        this.#wake = wake
      })
    }
  }

  #fail(error: Error): void {
    // The first one is the reason.
    this.#failure ??= error
    this.#wake()
  }
}
