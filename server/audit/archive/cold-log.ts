import 'server-only'
import type { TimeRange } from '#lib/postings/times.ts'
import type { Outcome } from '#protocol/audit/actions.ts'
import type { QueryNode } from '#protocol/audit/query.ts'
import { pgTransaction, type Sql } from '#server/kernel/db.ts'
import type { StoredEntry } from '../stored.ts'
import { type Condition, conditionOf, joined } from './condition.ts'
import { type EngineCell, engineAll, engineRows, literal } from './engine/client.ts'
import { type ColdFile, readColdFiles, readColdTo } from './files.ts'
import { archiveStore } from './store.ts'

/** One question to the engine, at most: a transaction that waits longer is ended by the database (runtime.ts). */
const QUESTION_MS = 50_000

/** Files asked together: few at first, because most pages are full soon. */
const WAVES = [1, 2, 4, 8, 16, 32]

export type ColdWalk = {
  query: QueryNode
  range: TimeRange | null
  /** Indexes `from` (included) to `to` (excluded). */
  from: number
  to: number
  newestFirst: boolean
}

/** How far a walk has come: everything before `reached`, in reading order, was looked at; `isLast`: nothing is left to look at. */
export type ColdStep<T> = { reached: number; recordedAt: number; isLast: boolean; found: T }

/** How many matches occurred in a bar of the histogram, by outcome. */
export type ColdCount = { bucket: number; outcome: Outcome; events: number }

/** The archived part of an organisation's log; null where it has none. */
export async function openCold(sql: Sql, tenantId: string): Promise<ColdLog | null> {
  const to = await readColdTo(sql, tenantId)
  return to > 0 ? new ColdLog(tenantId, to, await readColdFiles(sql, tenantId)) : null
}

/** The part of an organisation's log that is in the archive, as a search reads it. */
export class ColdLog {
  /** Where the hot part begins. */
  readonly to: number
  readonly #tenantId: string
  readonly #files: readonly ColdFile[]

  constructor(tenantId: string, to: number, files: readonly ColdFile[]) {
    this.#tenantId = tenantId
    this.to = to
    this.#files = files
  }

  /** When the oldest of it was recorded; null where nothing is left. */
  get recordedFrom(): number | null {
    return this.#files[0]?.recordedFrom ?? null
  }

  /** When the latest of it occurred; null where nothing is left. */
  get occurredTo(): number | null {
    return this.#files.reduce<number | null>((most, { occurredTo }) => Math.max(most ?? occurredTo, occurredTo), null)
  }

  /** Places of matches in the order asked for, some files at a time, at most `limit()` of them. */
  async *places(walk: ColdWalk, limit: () => number): AsyncGenerator<ColdStep<number[]>, void> {
    const direction = walk.newestFirst ? 'DESC' : 'ASC'
    yield* this.#inWaves(walk, async (source, { sql, values }) => {
      const rows = await engineAll(
        `SELECT index FROM ${source} WHERE ${sql} ORDER BY index ${direction} LIMIT ${limit()}`,
        values,
        soon(),
      )
      return rows.map(([index]) => Number(index))
    })
  }

  /** How many match, some files at a time. */
  async *counts(walk: ColdWalk): AsyncGenerator<ColdStep<number>, void> {
    yield* this.#inWaves(walk, async (source, { sql, values }) => {
      const [row] = await engineAll(`SELECT count(*) FROM ${source} WHERE ${sql}`, values, soon())
      return Number(row?.[0] ?? 0)
    })
  }

  /** Matches by the bar they occurred in, some files at a time. */
  async *histogram(walk: ColdWalk, widthMs: number): AsyncGenerator<ColdStep<ColdCount[]>, void> {
    yield* this.#inWaves(walk, async (source, { sql, values }) => {
      const rows = await engineAll(
        `SELECT CAST(floor(occurred_at / CAST(? AS DOUBLE)) AS BIGINT), outcome, count(*) FROM ${source} WHERE ${sql} GROUP BY 1, 2`,
        [widthMs, ...values],
        soon(),
      )
      return rows.map(([bucket, outcome, events]) => ({
        bucket: Number(bucket),
        outcome: String(outcome) as Outcome,
        events: Number(events),
      }))
    })
  }

  /** The entries at these places, ascending; those no longer kept are left out. */
  async entriesAt(places: readonly number[]): Promise<StoredEntry[]> {
    if (places.length === 0) return []
    const from = places.reduce((least, place) => Math.min(least, place))
    const to = places.reduce((most, place) => Math.max(most, place)) + 1
    const files = this.#between(from, to).filter((file) => places.some((at) => at >= file.from && at < file.to))
    const isRow = to - from === places.length
    const list = isRow ? `index >= ${from} AND index < ${to}` : `index IN (${places.join(', ')})`
    return this.#read(files, list, places.length)
  }

  /** Entries `from` (included) to `to` (excluded) in order, at most `limit`; what is no longer kept is left out. */
  async entriesBetween(from: number, to: number, limit: number): Promise<StoredEntry[]> {
    const found: StoredEntry[] = []
    for (const file of this.#between(from, to)) {
      if (found.length >= limit) break
      found.push(...(await this.#read([file], `index >= ${from} AND index < ${to}`, limit - found.length)))
    }
    return found
  }

  /** All entries from a place on in order, some at a time. */
  async *all(from: number): AsyncGenerator<StoredEntry[], void> {
    for (const file of this.#files) {
      if (file.to <= from) continue
      const select = `SELECT index, recorded_at, entry, personal FROM ${await sourceOf([file])}`
      for await (const rows of engineRows(file.from < from ? `${select} WHERE index >= ${from}` : select))
        yield rows.map(readRow)
    }
  }

  /** Entries that were recorded at this millisecond. */
  async entriesOf(recordedAt: number): Promise<StoredEntry[]> {
    const files = this.#files.filter((file) => file.recordedFrom <= recordedAt && file.recordedTo >= recordedAt)
    return this.#read(files, `recorded_at = ${recordedAt}`, Number.MAX_SAFE_INTEGER)
  }

  /** Changes with whatever is kept between two places: a file that is written anew has another name. */
  stateOf(from: number, to: number): string {
    return `${to} ${this.#between(from, to).map(({ name }) => name)}`
  }

  async #read(files: readonly ColdFile[], where: string, limit: number): Promise<StoredEntry[]> {
    if (files.length === 0) return []
    const rows = await this.#ask(files, (source) =>
      engineAll(
        `SELECT index, recorded_at, entry, personal FROM ${source} WHERE ${where} ORDER BY index LIMIT ${limit}`,
        [],
        soon(),
      ),
    )
    return rows.map(readRow)
  }

  /** Asks files; once more what stands for them by now, where some were written anew since our list was read. */
  async #ask<T>(files: readonly ColdFile[], ask: (source: string) => Promise<T>): Promise<T> {
    try {
      return await ask(await sourceOf(files))
    } catch (error) {
      const now = await this.#standingFor(files)
      if (now.length === 0) throw error
      return ask(await sourceOf(now))
    }
  }

  /** Empty where the list still names them, or nothing is left of them. */
  async #standingFor(files: readonly ColdFile[]): Promise<readonly ColdFile[]> {
    // A transaction of its own: ours sees the list as it was.
    const list = await pgTransaction('reader', this.#tenantId, (_client, sql) => readColdFiles(sql, this.#tenantId))
    const names = new Set(list.map(({ name }) => name))
    if (files.every(({ name }) => names.has(name))) return []
    return list.filter((file) => files.some((old) => file.from < old.to && file.to > old.from))
  }

  async *#inWaves<T>(
    walk: ColdWalk,
    ask: (source: string, condition: Condition) => Promise<T>,
  ): AsyncGenerator<ColdStep<T>, void> {
    const { from, to, newestFirst, range } = walk
    const files = this.#between(from, to).filter((file) => mayOccur(file, range))
    if (newestFirst) files.reverse()
    const condition = conditionIn(walk)
    for (let at = 0, wave = 0; at < files.length; wave++) {
      const some = files.slice(at, at + (WAVES[Math.min(wave, WAVES.length - 1)] ?? 32))
      at += some.length
      const last = some.at(-1)
      if (!last) return
      const found = await this.#ask(some, (source) => ask(source, condition))
      const isLast = at >= files.length
      if (newestFirst) yield { reached: Math.max(from, last.from), recordedAt: last.recordedFrom, isLast, found }
      else yield { reached: Math.min(to, last.to) - 1, recordedAt: last.recordedTo, isLast, found }
    }
  }

  #between(from: number, to: number): ColdFile[] {
    return this.#files.filter((file) => file.to > from && file.from < to)
  }
}

function soon(): { signal: AbortSignal } {
  return { signal: AbortSignal.timeout(QUESTION_MS) }
}

/** The files as the engine reads them. Those kept elsewhere are fetched first. */
async function sourceOf(files: readonly ColdFile[]): Promise<string> {
  const paths = await Promise.all(files.map((file) => archiveStore().local(file)))
  return `read_parquet([${paths.map(literal).join(', ')}], hive_partitioning = false)`
}

function conditionIn({ query, range, from, to }: ColdWalk): Condition {
  const bounds: Condition[] = [{ sql: 'index >= ? AND index < ?', values: [from, to] }]
  if (range?.from != null) bounds.push({ sql: 'occurred_at >= ?', values: [range.from] })
  if (range?.to != null) bounds.push({ sql: 'occurred_at < ?', values: [range.to] })
  return joined('AND', [...bounds, conditionOf(query)])
}

function mayOccur({ occurredFrom, occurredTo }: ColdFile, range: TimeRange | null): boolean {
  return (range?.from ?? occurredTo) <= occurredTo && (range?.to == null || range.to > occurredFrom)
}

function readRow([index, recordedAt, text, personal]: readonly EngineCell[]): StoredEntry {
  return {
    index: Number(index),
    recordedAt: new Date(Number(recordedAt)),
    text: String(text),
    personal: typeof personal === 'string' ? personal : null,
  }
}
