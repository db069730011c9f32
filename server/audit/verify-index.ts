import 'server-only'
import { BLOCK } from '#lib/postings/bits.ts'
import { type Places, unpackPlaces } from '#lib/postings/places.ts'
import { eachHour, unpackTimes } from '#lib/postings/times.ts'
import type { AuditEntry } from '#protocol/audit/entry.ts'
import type { Personal } from '#protocol/audit/personal.ts'
import { TermCollector } from '#protocol/audit/term-collector.ts'
import { byIndex, type Problem, type VerifyFailureCode } from '#protocol/audit/verify-differences.ts'
import { pgTransaction, type Sql } from '#server/kernel/db.ts'
import { readMissing } from './index/block-times.ts'
import { blockOf, endOf, type RunHead, readShape } from './index/runs.ts'
import { type IdentifiedEntry, readStored } from './stored.ts'
import { SearchedRows } from './verify-index-rows.ts'
import { PairSums } from './verify-index-sums.ts'

const READ_AT_ONCE = 1_024
const ROWS_AT_ONCE = 64
const MOST_PROBLEMS = 100
const HOUR_MS = 3_600_000

/**
 * Derives what is searched from the entries again and compares it with the index: a term of an entry by which it is not found, one
 * by which it wrongly is, and a time or a place in time that is not its own. What is not indexed yet is left out. Run by run, each of
 * them in one state of the database; between two reads the event loop is free. Empty when all of it holds.
 */
export async function verifyIndex(tenantId: string, watch: IndexWatch = {}): Promise<readonly Problem[]> {
  const problems: Problem[] = [...(await verifyStrays(tenantId))]
  for (let last = { at: -1, end: 0 }; problems.length < MOST_PROBLEMS; ) {
    const { at, end } = last
    const checked = await pgTransaction('reader', tenantId, async (_client, sql) => {
      const shape = await readShape(sql, tenantId)
      // Runs are merged meanwhile; one that lies in another is looked at, too.
      const run = shape?.runs.find((candidate) => candidate.at > at || endOf(candidate) > end)
      return run ? { run, found: await new RunCheck(sql, tenantId, run, watch).problems() } : null
    })
    if (!checked) break
    problems.push(...checked.found)
    last = { at: checked.run.at, end: Math.max(end, endOf(checked.run)) }
  }
  return problems.sort(byIndex).slice(0, MOST_PROBLEMS)
}

/** Where no run tells of entries they are read one by one, but for those that are said to be gone. */
async function verifyStrays(tenantId: string): Promise<readonly Problem[]> {
  const rows = await pgTransaction('reader', tenantId, (_client, sql) =>
    sql<{ at: string }>(
      `SELECT b.at::text FROM audit_block b WHERE b.tenant_id = $1::uuid AND b.missing IS NOT NULL AND NOT EXISTS (
         SELECT 1 FROM audit_run r WHERE r.tenant_id = b.tenant_id AND r.at <= b.at AND r.at + r.entries > b.at) ORDER BY b.at LIMIT $2::integer`,
      [tenantId, MOST_PROBLEMS],
    ),
  )
  return rows.map(({ at }) => problem('index_missing_term', Number(at)))
}

export type IndexWatch = {
  /** Throws its reason between two reads. */
  signal?: AbortSignal | undefined
  /** Awaited after each read of entries: all before `index` were read. */
  onRead?: ((index: number) => Promise<void> | undefined) | undefined
}

type StoredRow = { key: string; piece: number; body: Buffer }
type TimesRow = { at: string; entries: number; hours: Buffer; exact: Buffer; missing: Buffer | null } & Bounds
type Bounds = { from: string; to: string }

/** Places of a run that are kept, and of which the personal values are. */
const ABSENT = 0
const ERASED = 1
const KEPT = 2

class RunCheck {
  readonly #sql: Sql
  readonly #tenantId: string
  readonly #run: RunHead
  readonly #watch: IndexWatch
  readonly #kept: Uint8Array
  readonly #times: Float64Array
  readonly #problems = new Map<string, Problem>()

  constructor(sql: Sql, tenantId: string, run: RunHead, watch: IndexWatch) {
    this.#sql = sql
    this.#tenantId = tenantId
    this.#run = run
    this.#watch = watch
    this.#kept = new Uint8Array(run.entries)
    this.#times = new Float64Array(run.entries)
  }

  async problems(): Promise<readonly Problem[]> {
    try {
      await this.#check()
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      // Bytes that end too early: a search stops there as well.
      this.#report('index_missing_term', 0)
    }
    return [...this.#problems.values()]
  }

  async #check(): Promise<void> {
    const sums = new PairSums(Math.ceil(this.#run.entries / BLOCK))
    await this.#eachEntryTerm(0, this.#run.entries, (hash, places) => sums.add(hash, places, 1))
    await this.#eachStoredTerm((hash, places) => {
      for (const place of places) if (place >= this.#run.entries) this.#report('index_surplus_term', place)
      sums.add(
        hash,
        places.filter((place) => this.#isKept(place)),
        -1,
      )
    })
    for (const block of sums.differing()) await this.#explainBlock(block * BLOCK)
    await this.#checkTimes()
  }

  #isKept(place: number): boolean {
    return (this.#kept[place] ?? ABSENT) !== ABSENT
  }

  /** The terms of the entries in `from` to `to` (excluded) of the run, with their places in it. */
  async #eachEntryTerm(from: number, to: number, take: (hash: number, places: Places) => void): Promise<void> {
    const { at } = this.#run
    for (let next = at + from; next < at + to; ) {
      this.#watch.signal?.throwIfAborted()
      // A block that is explained was counted before.
      if (from === 0) await this.#watch.onRead?.(next)
      const stored = await readStored(this.#sql, this.#tenantId, { from: next, to: at + to, limit: READ_AT_ONCE })
      const last = stored.at(-1)
      if (!last) return
      next = last.index + 1
      // Filled and emptied without a pause: collectors of one organisation share what they remember.
      const collector = new TermCollector(this.#tenantId)
      for (const entry of stored) this.#collect(collector, entry)
      for (const [hash, places] of collector.places()) take(hash, places)
    }
  }

  #collect(collector: TermCollector, { index, id, recordedAt, text, personal }: IdentifiedEntry): void {
    const place = index - this.#run.at
    const parsed = parse(text, personal)
    // No JSON any more: the tree has named it.
    if (!parsed) return
    const at = recordedAt.getTime()
    const isItsOwn = id === parsed.entry.id && at === Date.parse(parsed.entry.recordedAt)
    // A search looks for entries in the months that their run names, a link by the time in its id.
    if (!isItsOwn || at < this.#run.recordedFrom || at > this.#run.recordedTo) this.#report('index_wrong_time', place)
    this.#kept[place] = personal === null ? ERASED : KEPT
    this.#times[place] = Date.parse(parsed.entry.occurredAt)
    collector.add(parsed.entry, parsed.personal, place)
  }

  async #eachStoredTerm(take: (hash: number, places: readonly number[]) => void): Promise<void> {
    const { at } = this.#run
    const searched = new SearchedRows(this.#run, take)
    let after = { key: '-9223372036854775808', piece: -1 }
    for (;;) {
      this.#watch.signal?.throwIfAborted()
      const rows = await this.#sql<StoredRow>(
        `SELECT key::text, piece, body FROM audit_posting p WHERE p.tenant_id = $1::uuid AND p.at = $2::bigint
            AND (p.key, p.piece) > ($3::text::bigint, $4::smallint) ORDER BY p.key, p.piece LIMIT $5::integer`,
        [this.#tenantId, at, after.key, after.piece, ROWS_AT_ONCE],
      )
      for (const { key, piece, body } of rows) searched.add({ key: Number(key), piece, body })
      const last = rows.at(-1)
      if (!last || rows.length < ROWS_AT_ONCE) return searched.end()
      after = { key: last.key, piece: last.piece }
    }
  }

  /** Which entries of the block are concerned. */
  async #explainBlock(from: number): Promise<void> {
    const to = Math.min(from + BLOCK, this.#run.entries)
    const expected = new Map<number, Set<number>>()
    await this.#eachEntryTerm(from, to, (hash, places) => {
      const known = expected.get(hash) ?? new Set()
      expected.set(hash, known)
      for (const place of places) known.add(place)
    })
    await this.#eachStoredTerm((hash, places) => {
      const own = expected.get(hash)
      for (const place of places) {
        if (place < from || place >= to || !this.#isKept(place)) continue
        // What was erased may still stand there until the index of its run is built anew.
        if (!own?.delete(place) && this.#kept[place] === KEPT) this.#report('index_surplus_term', place)
      }
    })
    for (const places of expected.values()) for (const place of places) this.#report('index_missing_term', place)
  }

  async #checkTimes(): Promise<void> {
    const { at } = this.#run
    const rows = await this.#sql<TimesRow>(
      `SELECT at::text, entries, occurred_from::text AS "from", occurred_to::text AS "to", hours, times AS exact, missing FROM audit_block b
        WHERE b.tenant_id = $1::uuid AND b.at >= $2::bigint AND b.at < $3::bigint ORDER BY b.at`,
      [this.#tenantId, at, endOf(this.#run)],
    )
    const isTimed = new Uint8Array(this.#run.entries)
    for (const row of rows) this.#checkBlock(row, Number(row.at) - at, isTimed)
    for (let place = 0; place < isTimed.length; place++)
      if (this.#isKept(place) && isTimed[place] !== 1) this.#report('index_wrong_time', place)
  }

  #checkBlock({ at, entries, hours, exact, missing, ...bounds }: TimesRow, shift: number, isTimed: Uint8Array): void {
    const [from, to] = [Number(bounds.from), Number(bounds.to)]
    // It tells of entries of one block and one run; what lies beyond would be said about others.
    const isInside = shift + entries <= this.#run.entries && blockOf(Number(at)) === blockOf(Number(at) + entries - 1)
    if (!isInside) this.#report('index_wrong_time', shift)
    const times = unpackTimes(exact, { from, entries })
    eachHour(hours, (hour, packed) => {
      for (const place of unpackPlaces(packed)) {
        const time = times[place]
        const isOwn = time !== undefined && time === this.#times[shift + place] && time >= from && time <= to
        if (isOwn && Math.floor(time / HOUR_MS) === hour) isTimed[shift + place] = 1
        else if (this.#isClaimed(shift + place)) this.#report('index_wrong_time', shift + place)
      }
    })
    if (!missing) return
    for (const place of unpackPlaces(readMissing(missing), shift))
      if (this.#isClaimed(place)) this.#report('index_missing_term', place)
  }

  /** Nothing may be said of it: it is kept, or not of this run. */
  #isClaimed(place: number): boolean {
    return place >= this.#run.entries || this.#isKept(place)
  }

  #report(code: VerifyFailureCode, place: number): void {
    const index = this.#run.at + place
    if (this.#problems.size >= MOST_PROBLEMS) return
    this.#problems.set(`${code} ${index}`, problem(code, index))
  }
}

function problem(code: VerifyFailureCode, index: number): Problem {
  return { code, index, reason: `entry ${index} ${REASONS[code] ?? ''}` }
}

const REASONS: { readonly [code in VerifyFailureCode]?: string } = {
  index_missing_term: 'is not found by something that it says',
  index_surplus_term: 'is found by something that it does not say',
  index_wrong_time: 'is found at a time that is not its own',
}

function parse(text: string, personal: string | null): { entry: AuditEntry; personal: Personal | undefined } | null {
  try {
    // The ledger wrote both; the tree has compared them with what was committed to.
    const entry = JSON.parse(text) as AuditEntry
    return { entry, personal: personal === null ? undefined : (JSON.parse(personal) as Personal) }
  } catch {
    return null
  }
}
