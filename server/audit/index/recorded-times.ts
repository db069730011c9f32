import 'server-only'
import { BLOCK } from '#lib/postings/bits.ts'
import type { Sql } from '#server/kernel/db.ts'
import type { LogRuns } from './log-runs.ts'
import { wholes } from './parameters.ts'
import type { MemoryOf } from './run-memory.ts'
import { blockOf, type RunHead } from './runs.ts'

/** Between which times entries were recorded, in milliseconds, both included. */
export type Recorded = { from: number; to: number }

/** When the entries of a log were recorded: in the order of the log, so that its runs tell. */
export class RecordedTimes {
  readonly #sql: Sql
  readonly #tenantId: string
  readonly #runs: LogRuns
  readonly #memoryOf: MemoryOf

  constructor(sql: Sql, tenantId: string, runs: LogRuns, memoryOf: MemoryOf) {
    this.#sql = sql
    this.#tenantId = tenantId
    this.#runs = runs
    this.#memoryOf = memoryOf
  }

  /**
   * Of the entries `low` to `high`; null where no run tells of one of the two. A run of many blocks may span years, and entries are looked
   * for in each of their months: then the ends of a block are read, once.
   */
  async between(low: number, high: number): Promise<Recorded | null> {
    const [first, last] = [this.#runs.at(low), this.#runs.at(high)]
    if (!first || !last) return null
    const wide = { from: first.recordedFrom, to: last.recordedTo }
    // What lies far apart lies in many months.
    if (monthOf(wide.from) === monthOf(wide.to) || high - low >= BLOCK) return wide
    const [begin, end] = [await this.#ofBlock(first, blockOf(low)), await this.#ofBlock(last, blockOf(high))]
    return { from: begin.from, to: end.to }
  }

  /** At most what its run spans. Index: (tenant, index) of the months of the run. */
  async #ofBlock(run: RunHead, block: number): Promise<Recorded> {
    if (run.entries <= BLOCK) return { from: run.recordedFrom, to: run.recordedTo }
    const memory = this.#memoryOf(run)
    const known = memory.recorded.get(block)
    if (known) return known
    const ends = [block * BLOCK, (block + 1) * BLOCK - 1]
    const rows = await this.#sql<{ index: string; recorded_at: Date | string }>(ENDS, [
      this.#tenantId,
      wholes(ends),
      new Date(run.recordedFrom).toISOString(),
      new Date(run.recordedTo).toISOString(),
    ])
    const times = new Map(rows.map(({ index, recorded_at }) => [Number(index), new Date(recorded_at).getTime()]))
    const [first = 0, last = 0] = ends
    const recorded = { from: times.get(first) ?? run.recordedFrom, to: times.get(last) ?? run.recordedTo }
    memory.recorded.set(block, recorded)
    memory.grows(16)
    return recorded
  }
}

// As entries are fetched, see scan.ts.
const ENDS = `
  SELECT e.index::text, e.recorded_at FROM audit_entry e
   WHERE e.tenant_id = $1::uuid AND e.index = ANY($2::text::bigint[])
     AND e.recorded_at >= ALL (ARRAY[$3::text::timestamptz]) AND e.recorded_at <= ALL (ARRAY[$4::text::timestamptz])`

/** The table is partitioned by it. */
function monthOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 7)
}
