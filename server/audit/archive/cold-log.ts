import 'server-only'
import type { TimeRange } from '#lib/postings/times.ts'
import type { Outcome } from '#protocol/audit/actions.ts'
import type { QueryNode } from '#protocol/audit/query.ts'
import type { Sql } from '#server/kernel/db.ts'
import { isNeededFirst } from '#server/kernel/needed-first.ts'
import type { StoredEntry } from '../stored.ts'
import { type Condition, conditionOf, joined } from './condition.ts'
import { type EngineCell, engineAll, engineRows } from './engine/client.ts'
import { type ColdFile, readColdFiles, readColdTo } from './files.ts'
import { ColdFileProblem } from './problem.ts'
import { sourceFetched, sourceHere, standingFor } from './reach.ts'

/** One question to the engine, at most: a transaction that waits longer is ended by the database (runtime.ts). */
const QUESTION_MS = 50_000

/** Files asked together: few at first, because most pages are full soon. */
const WAVES = [1, 2, 4, 8, 16, 32]
/** So many of these are waited for where they have to be fetched; what lies beyond is for whoever goes on from there. */
const FETCHED_WAVES = 3

export type ColdWalk = {
  query: QueryNode
  range: TimeRange | null
  /** Indexes `from` (included) to `to` (excluded). */
  from: number
  to: number
  newestFirst: boolean
  /** Whether some of what is elsewhere is worth waiting for; otherwise, and beyond that, it ends there. */
  fetches: boolean
}

/** Where to look, in the order of the log. */
type Stretch = Omit<ColdWalk, 'newestFirst' | 'fetches'>

/** How far a walk has come: everything before `reached`, in reading order, was looked at; `isLast`: nothing is left to look at. */
export type ColdStep<T> = { reached: number; recordedAt: number; isLast: boolean; found: T }
/** The same; with null it ends early: what comes next would have to be fetched. */
export type ColdWaveStep<T> = ColdStep<T | null>

/** How many matches occurred in a bar of the histogram, by outcome. */
export type ColdCount = { bucket: number; outcome: Outcome; events: number }

/** The archived part of an organisation's log; null where it has none. */
export async function openCold(sql: Sql, tenantId: string): Promise<ColdLog | null> {
  const to = await readColdTo(sql, tenantId)
  return to > 0 ? new ColdLog(tenantId, to, await readColdFiles(sql, tenantId)) : null
}

/**
 * The part of an organisation's log that is in the archive, as a search reads it. Within a transaction nothing is fetched: what is not on
 * this machine is needed first (`NeededFirst`).
 */
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
  async *places(walk: ColdWalk, limit: () => number): AsyncGenerator<ColdWaveStep<number[]>, void> {
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

  /** How many match, some files at a time. A total is worth no fetching. */
  async *counts(walk: Omit<ColdWalk, 'fetches'>): AsyncGenerator<ColdWaveStep<number>, void> {
    yield* this.#inWaves({ ...walk, fetches: false }, async (source, { sql, values }) => {
      const [row] = await engineAll(`SELECT count(*) FROM ${source} WHERE ${sql}`, values, soon())
      return Number(row?.[0] ?? 0)
    })
  }

  /** Matches by the bar they occurred in, some files at a time. */
  async *histogram(walk: ColdWalk, widthMs: number): AsyncGenerator<ColdWaveStep<ColdCount[]>, void> {
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

  /**
   * Every match in the order of the log, some at a time, and after each file how far it came. Never within a transaction: files are
   * fetched for `fetchMs` at most, each.
   */
  async *matches(walk: Stretch, fetchMs: number): AsyncGenerator<ColdStep<StoredEntry[]>, void> {
    const { from, to, range } = walk
    let reached = from - 1
    let recordedAt = 0
    for (const file of this.#between(from, to).filter((one) => mayOccur(one, range))) {
      for await (const found of this.#matchesOf(file, walk, fetchMs)) {
        for (const { index } of found) {
          // The engine keeps the order of a file, and that is the log's.
          if (index <= reached) throw new ColdFileProblem('damaged', index)
          reached = index
        }
        recordedAt = found.at(-1)?.recordedAt.getTime() ?? recordedAt
        yield { reached, recordedAt, isLast: false, found }
      }
      reached = Math.min(to, file.to) - 1
      recordedAt = file.recordedTo
      yield { reached, recordedAt, isLast: false, found: [] }
    }
    // What no file holds was purged, or did not occur then.
    yield { reached: to - 1, recordedAt, isLast: true, found: [] }
  }

  /** Goes on in what stands for a file that is written anew meanwhile. */
  async *#matchesOf(file: ColdFile, walk: Stretch, fetchMs: number) {
    let { from } = walk
    for (let files: readonly ColdFile[] = [file]; ; ) {
      try {
        const { sql, values } = conditionIn({ ...walk, from })
        const source = await sourceFetched(this.#tenantId, files, fetchMs)
        const select = `SELECT index, recorded_at, entry, personal FROM ${source} WHERE ${sql}`
        for await (const rows of engineRows(select, values)) {
          const found = rows.map(readRow)
          yield found
          from = (found.at(-1)?.index ?? from - 1) + 1
        }
        return
      } catch (error) {
        files = await standingFor(this.#tenantId, files)
        if (files.length === 0) throw error
      }
    }
  }

  /** All entries from a place on in order, some at a time. Never within a transaction. */
  async *all(from: number): AsyncGenerator<StoredEntry[], void> {
    for (const file of this.#files) {
      if (file.to <= from) continue
      const source = await sourceFetched(this.#tenantId, [file], Number.POSITIVE_INFINITY)
      const select = `SELECT index, recorded_at, entry, personal FROM ${source}`
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
      return await ask(await sourceHere(this.#tenantId, files))
    } catch (error) {
      const now = isNeededFirst(error) ? [] : await standingFor(this.#tenantId, files)
      if (now.length === 0) throw error
      return ask(await sourceHere(this.#tenantId, now))
    }
  }

  async *#inWaves<T>(
    walk: ColdWalk,
    ask: (source: string, condition: Condition) => Promise<T>,
  ): AsyncGenerator<ColdWaveStep<T>, void> {
    const { from, to, newestFirst, range, fetches } = walk
    const files = this.#between(from, to).filter((file) => mayOccur(file, range))
    if (newestFirst) files.reverse()
    const condition = conditionIn(walk)
    let step = { reached: newestFirst ? to : from - 1, recordedAt: files[0]?.recordedTo ?? 0, isLast: false }
    for (let at = 0, wave = 0; at < files.length; wave++) {
      const some = files.slice(at, at + (WAVES[Math.min(wave, WAVES.length - 1)] ?? 32))
      at += some.length
      const last = some.at(-1)
      if (!last) return
      const found = await this.#ask(some, (source) => ask(source, condition)).catch((error: unknown) => {
        if (isNeededFirst(error) && !(fetches && wave < FETCHED_WAVES)) return null
        throw error
      })
      if (found === null) return yield { ...step, found }
      step = newestFirst
        ? { reached: Math.max(from, last.from), recordedAt: last.recordedFrom, isLast: at >= files.length }
        : { reached: Math.min(to, last.to) - 1, recordedAt: last.recordedTo, isLast: at >= files.length }
      yield { ...step, found }
    }
  }

  #between(from: number, to: number): ColdFile[] {
    return this.#files.filter((file) => file.to > from && file.from < to)
  }
}

function soon(): { signal: AbortSignal } {
  return { signal: AbortSignal.timeout(QUESTION_MS) }
}

function conditionIn({ query, range, from, to }: Stretch): Condition {
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
