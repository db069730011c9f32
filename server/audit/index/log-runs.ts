import 'server-only'
import { BLOCK } from '#lib/postings/bits.ts'
import { blockOf, endOf, type LogShape, type RunHead } from './runs.ts'

/** The runs of each block, as far as they were asked for. */
type ByBlock = (readonly RunHead[] | undefined)[]

/** For as long as somebody holds the runs: every search of a log that has not grown asks for the same ones. */
const found = new WeakMap<LogShape['runs'], ByBlock>()

/** Which runs tell of which blocks of a log. */
export class LogRuns {
  readonly #shape: LogShape
  readonly #ofBlock: ByBlock

  constructor(shape: LogShape) {
    this.#shape = shape
    this.#ofBlock = found.get(shape.runs) ?? []
    found.set(shape.runs, this.#ofBlock)
  }

  of(block: number): readonly RunHead[] {
    this.#ofBlock[block] ??= this.between(block * BLOCK, (block + 1) * BLOCK)
    return this.#ofBlock[block]
  }

  /** The run that tells of an entry; null where none does. */
  at(index: number): RunHead | null {
    return this.of(blockOf(index)).find((run) => run.at <= index && endOf(run) > index) ?? null
  }

  /** Runs that touch the indexes `from` to `to` (excluded), ascending. */
  between(from: number, to: number): readonly RunHead[] {
    const { runs } = this.#shape
    let low = 0
    let high = runs.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const run = runs[middle]
      if (run && endOf(run) <= from) low = middle + 1
      else high = middle
    }
    const between: RunHead[] = []
    for (let n = low; n < runs.length; n++) {
      const run = runs[n]
      if (!run || run.at >= to) break
      between.push(run)
    }
    return between
  }

  /** The one run that tells of a full block, all of it kept here; null where there is no such run. */
  wholeOf(block: number): RunHead | null {
    const [start, end] = [block * BLOCK, (block + 1) * BLOCK]
    const [run, other] = this.of(block)
    if (!run || other || !run.whole || this.#shape.coldTo > start || run.at > start || endOf(run) < end) return null
    return run
  }

  /** Whether all of the block is here: full, kept and told of by runs. */
  isWhole(block: number): boolean {
    const [start, end] = [block * BLOCK, (block + 1) * BLOCK]
    return (
      this.#shape.size >= end &&
      this.#shape.coldTo <= start &&
      this.of(block).every(({ whole }) => whole) &&
      !this.hasGap(block)
    )
  }

  /** Whether entries of the block have no index: it was lost, or is being built. */
  hasGap(block: number): boolean {
    const to = Math.min(this.#shape.size, (block + 1) * BLOCK)
    let reached = Math.max(block * BLOCK, this.#shape.coldTo)
    for (const run of this.of(block)) {
      if (run.at > reached) return true
      reached = Math.max(reached, endOf(run))
    }
    return reached < to
  }
}
