import 'server-only'
import { totalmem } from 'node:os'
import type { Packed } from '#lib/postings/places.ts'
import type { TermHash } from '#lib/postings/run.ts'
import type { TimeRange } from '#lib/postings/times.ts'
import type { TimedPart } from './block-times.ts'
import type { Recorded } from './recorded-times.ts'
import type { LogShape, RunHead } from './runs.ts'

const MB = 1_024 * 1_024
/** What all organisations' runs may take together in a process: a hundredth of the machine's memory, but neither too little nor too much. */
export const MOST_BYTES = Math.min(256 * MB, Math.max(64 * MB, totalmem() / 100))
/** Of one thing that is remembered, beside its bytes. */
const OVERHEAD = 120

/** A term's own row over one or more blocks; its body comes when it is needed. */
export type Piece = { block: number; packed: Packed | null }

/** Where a term stands in one run: all in its bucket, or in rows of its own, ascending by their first block. */
export type Standing =
  | { kind: 'bucket'; packed: Packed; blocks: ReadonlySet<number> }
  | { kind: 'own'; pieces: Piece[] }

/** What a block came to, between which times it occurred (both included; null where nobody looked), and what a range left out of it. */
export type Tally = { span: { from: number; to: number } | null; cut: TimeRange; value: unknown; bytes: number }

/**
 * What was read of one run's postings and times, and counted in them. A run is never changed: whatever rewrites some of it (merging, purging, erasing,
 * building anew) writes its row in `audit_run` again, and with that its revision. So it may be remembered for as long as a transaction
 * that sees the organisation, and nothing else, finds that very row.
 */
export class RunMemory {
  readonly revision: string
  /** Null where the term does not stand in the run. */
  readonly standings = new Map<TermHash, Standing | null>()
  /** The times of its entries, block by block. */
  readonly parts = new Map<number, TimedPart[]>()
  /** When the first and the last entry of a block were recorded. */
  readonly recorded = new Map<number, Recorded>()
  /** What blocks came to, by the question for which they were counted, see `Tallies`. */
  readonly tallies = new Map<string, Map<number, Tally>>()
  #bytes = 0

  constructor(revision: string) {
    this.revision = revision
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Says that it holds so much more. */
  grows(bytes: number): void {
    this.#bytes += bytes + OVERHEAD
  }

  /** Remembers what a block came to, in the place of what it came to before. */
  noteTally(question: string, block: number, tally: Tally): void {
    const known = this.tallies.get(question) ?? new Map<number, Tally>()
    if (known.size === 0) {
      this.tallies.set(question, known)
      this.grows(2 * question.length)
    }
    const before = known.get(block)
    if (before) this.#bytes += tally.bytes - before.bytes
    else this.grows(tally.bytes)
    known.set(block, tally)
  }
}

export type MemoryOf = (run: RunHead) => RunMemory

/** The runs of one organisation that this process has read of. */
type Remembered = Map<number, RunMemory>

// Next bundles may hold several copies of this module; the process has one memory. The least recently searched organisation comes first.
const SLOT = Symbol.for('gatehouse.index-runs')
const slots = globalThis as { [SLOT]?: Map<string, Remembered> }

/**
 * What the process remembers of the runs of a log as one transaction sees it; what is not in this state of the log is forgotten. Whoever
 * asks holds what they got, however much is forgotten meanwhile.
 */
export function rememberedRuns(tenantId: string, { runs }: LogShape): MemoryOf {
  const remembered = opened(tenantId)
  const revisions = new Map(runs.map(({ at, revision }) => [at, revision]))
  for (const [at, { revision }] of remembered) if (revisions.get(at) !== revision) remembered.delete(at)
  const held: Remembered = new Map()
  return ({ at, revision }) => {
    const mine = held.get(at)
    if (mine) return mine
    const known = remembered.get(at)
    const memory = known?.revision === revision ? known : new RunMemory(revision)
    held.set(at, memory)
    // A transaction that began later may have brought a newer one.
    if (!known) remembered.set(at, memory)
    return memory
  }
}

/** The organisation becomes the one that searched last. */
function opened(tenantId: string): Remembered {
  slots[SLOT] ??= new Map()
  const all = slots[SLOT]
  forgetBeyond(all, MOST_BYTES)
  const remembered = all.get(tenantId) ?? new Map()
  all.delete(tenantId)
  all.set(tenantId, remembered)
  return remembered
}

/** The oldest go first: of whoever searched longest ago, and of one organisation what was read first. */
function forgetBeyond(all: Map<string, Remembered>, most: number): void {
  let bytes = all.values().reduce((sum, runs) => runs.values().reduce((of, run) => of + run.bytes, sum), 0)
  for (const [tenantId, runs] of all) {
    for (const [at, { bytes: freed }] of runs) {
      if (bytes <= most) return
      runs.delete(at)
      bytes -= freed
    }
    all.delete(tenantId)
  }
}
