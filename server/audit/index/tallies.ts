import 'server-only'
import type { TimeRange } from '#lib/postings/times.ts'
import type { LogIndex } from './log-index.ts'
import type { Tally } from './run-memory.ts'

/**
 * What blocks came to when they were counted for a question, remembered with the runs they stand in (see `RunMemory`): asked again, it
 * counts only what is new. Of a block that a range cuts the last cut is remembered, too; of one that is not yet in one run nothing.
 */
export class Tallies<T> {
  readonly #index: LogIndex
  readonly #whole: string
  readonly #cut: string
  readonly #range: TimeRange | null

  /** `question` tells what is counted and how, without the range: its blocks must come to the same for whoever asks it. */
  constructor(index: LogIndex, question: string, range: TimeRange | null) {
    this.#index = index
    // The question is anybody's text: what tells the two apart stands before it.
    this.#whole = `whole ${question}`
    this.#cut = `cut ${question}`
    this.#range = range
  }

  /** Undefined where the block has to be counted. */
  of(block: number): T | undefined {
    const tallies = this.#index.wholeMemoryOf(block)?.tallies
    const whole = tallies?.get(this.#whole)?.get(block)
    if (whole && this.#isOfRange(whole)) return whole.value as T
    const cut = tallies?.get(this.#cut)?.get(block)
    return cut && this.#isOfRange(cut) ? (cut.value as T) : undefined
  }

  /** What came of a block that was counted from its first entry to its last; `numbers` says how large that is. */
  note(block: number, value: T, numbers: number): void {
    const memory = this.#index.wholeMemoryOf(block)
    const span = this.#index.times.spanOf(block)
    if (!memory || (this.#range && !span)) return
    const cut = cutOf(span, this.#range)
    const key = cut.from === null && cut.to === null ? this.#whole : this.#cut
    memory.noteTally(key, block, { span, cut, value, bytes: 8 * numbers })
  }

  #isOfRange({ span, cut }: Tally): boolean {
    if (this.#range && !span) return false
    const { from, to } = cutOf(span, this.#range)
    return from === cut.from && to === cut.to
  }
}

/** The bounds of a range that leave out some of what occurred between two times (both included). */
function cutOf(span: Tally['span'], range: TimeRange | null): TimeRange {
  if (!span || !range) return { from: null, to: null }
  return {
    from: range.from !== null && span.from < range.from ? range.from : null,
    to: range.to !== null && span.to >= range.to ? range.to : null,
  }
}
