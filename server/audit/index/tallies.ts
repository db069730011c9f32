import 'server-only'
import type { TimeRange } from '#lib/postings/times.ts'
import type { LogIndex } from './log-index.ts'

/**
 * What blocks came to when they were counted for a question, remembered with the runs they stand in (see `RunMemory`): asked again, it
 * counts only what is new. Of a block that the range cuts, or that is not yet in one run, nothing is remembered.
 */
export class Tallies<T> {
  readonly #index: LogIndex
  readonly #question: string
  readonly #range: TimeRange | null

  /** `question` tells what is counted and how, without the range: its blocks must come to the same for whoever asks it. */
  constructor(index: LogIndex, question: string, range: TimeRange | null) {
    this.#index = index
    this.#question = question
    this.#range = range
  }

  /** Undefined where the block has to be counted. */
  of(block: number): T | undefined {
    const tally = this.#index.wholeMemoryOf(block)?.tallies.get(this.#question)?.get(block)
    return tally && this.#holds(tally) ? (tally.value as T) : undefined
  }

  /** What a block came to that was counted from its first entry to its last; `numbers` says how large that is. */
  note(block: number, value: T, numbers: number): void {
    const memory = this.#index.wholeMemoryOf(block)
    const occurred = this.#index.times.spanOf(block)
    if (!memory || !occurred || !this.#holds(occurred)) return
    const known = memory.tallies.get(this.#question) ?? new Map()
    memory.tallies.set(this.#question, known)
    if (!known.has(block)) memory.grows(8 * numbers)
    known.set(block, { ...occurred, value })
  }

  /** All that occurred between these times lies in the range. */
  #holds({ from, to }: { from: number; to: number }): boolean {
    const range = this.#range
    return !range || ((range.from === null || from >= range.from) && (range.to === null || to < range.to))
  }
}
