import 'server-only'
import { BLOCK } from '#lib/postings/bits.ts'
import { MERGE_SHARES, mergeBlocks, mergedBits, mergeInBlock, shareKeys } from '#lib/postings/merge.ts'
import { packPlaces, unpackPlaces } from '#lib/postings/places.ts'
import type { PostingRow } from '#lib/postings/run.ts'
import { packTimes, unpackTimes } from '#lib/postings/times.ts'
import type { Sql } from '#server/kernel/db.ts'
import { wholeArray } from '#server/kernel/pg-arrays.ts'
import { readMissing } from './block-times.ts'
import { indexTransaction, insertBlock, insertPostings, insertRun, removeIndex } from './maintenance.ts'
import { blockOf, endOf, NEVER, type RunHead, readShape } from './runs.ts'

/** Blocks that become one large run. */
export const SEGMENT_BLOCKS = 32
const SEGMENT = SEGMENT_BLOCKS * BLOCK
/** So many small runs at the end of a log make every search slower: they are joined before their block is full. */
const MOST_SMALL = 64
/** A run of so many entries is no longer small. */
const SMALL = 4_096
/** Of postings in one merge of a block, twice what usual events have: each of a million rare words takes some hundred bytes meanwhile. */
const MOST_BYTES = 24 * 1_024 * 1_024

/** Neighbouring runs to make one of. */
export type Merge = { kind: 'block' | 'segment'; runs: RunHead[] }

/** What is worth merging now, the oldest first. */
export function mergesFor(runs: readonly RunHead[]): Merge[] {
  return [...segmentMerges(runs), ...blockMerges(runs)]
}

function blockMerges(runs: readonly RunHead[]): Merge[] {
  const blocks = Map.groupBy(
    runs.filter(({ entries }) => entries < BLOCK),
    ({ at }) => blockOf(at),
  )
  return [...blocks.values()].flatMap((inBlock): Merge[] => {
    const entries = inBlock.reduce((sum, run) => sum + run.entries, 0)
    if (entries === BLOCK) return [{ kind: 'block', runs: inBlock }]
    const lastLarge = inBlock.findLastIndex((run) => run.entries >= SMALL)
    const small = inBlock.slice(lastLarge + 1)
    return small.length > MOST_SMALL && areNeighbours(small) ? [{ kind: 'block', runs: small }] : []
  })
}

function segmentMerges(runs: readonly RunHead[]): Merge[] {
  const whole = runs.filter(({ at, entries }) => entries === BLOCK && at % BLOCK === 0)
  const segments = Map.groupBy(whole, ({ at }) => Math.floor(at / SEGMENT))
  return [...segments.values()].flatMap((inSegment): Merge[] =>
    inSegment.length === SEGMENT_BLOCKS ? [{ kind: 'segment', runs: inSegment }] : [],
  )
}

function areNeighbours(runs: readonly RunHead[]): boolean {
  return runs.every((run, n) => n === 0 || endOf(runs[n - 1] ?? run) === run.at)
}

/** Merges what is worth it, a transaction each. Answers how many merges were made; null when somebody else is at it. */
export async function mergeIndex(
  tenantId: string,
  stopping?: AbortSignal,
  mostBytes = MOST_BYTES,
): Promise<number | null> {
  for (let done = 0; ; done++) {
    if (stopping?.aborted) return done
    const merged = await indexTransaction(tenantId, async (sql) => {
      const shape = await readShape(sql, tenantId)
      const next = await firstBearable(sql, tenantId, mergesFor(shape?.runs ?? []), mostBytes)
      if (!next) return false
      await (next.kind === 'block' ? mergeToBlock : mergeToSegment)(sql, tenantId, next.runs)
      return true
    })
    if (merged === null) return null
    if (!merged) return done
  }
}

/** The oldest merge that memory holds; of too heavy a one the newer half of its runs, and so on: what is left stays as it is. */
async function firstBearable(
  sql: Sql,
  tenantId: string,
  merges: readonly Merge[],
  mostBytes: number,
): Promise<Merge | null> {
  for (const { kind, runs } of merges) {
    if (kind === 'segment') return { kind, runs }
    for (let some = runs; some.length > 1; some = some.slice(Math.ceil(some.length / 2)))
      if ((await bytesOf(sql, tenantId, some)) <= mostBytes) return { kind, runs: some }
  }
  return null
}

async function bytesOf(sql: Sql, tenantId: string, runs: readonly RunHead[]): Promise<number> {
  const { from, to } = extentOf(runs)
  const [sum] = await sql<{ bytes: string }>(
    'SELECT coalesce(sum(octet_length(body)), 0)::text AS bytes FROM audit_posting WHERE tenant_id = $1::uuid AND at >= $2::bigint AND at < $3::bigint',
    [tenantId, from, to],
  )
  return Number(sum?.bytes ?? 0)
}

type StoredPosting = { at: string; key: string; body: Buffer }
type StoredBlock = {
  at: string
  entries: number
  from: string
  exact: Buffer
  missing: Buffer | null
}

async function mergeToBlock(sql: Sql, tenantId: string, runs: readonly RunHead[]): Promise<void> {
  const { from, to } = extentOf(runs)
  const stored = await sql<StoredPosting>(
    'SELECT at::text, key::text, body FROM audit_posting WHERE tenant_id = $1::uuid AND at >= $2::bigint AND at < $3::bigint',
    [tenantId, from, to],
  )
  const rows = Map.groupBy(stored, ({ at }) => Number(at))
  const parts = runs.map(({ at }) => ({ offset: at - from, rows: (rows.get(at) ?? []).map(readPosting) }))
  const { bits, rows: merged } = mergeInBlock(parts, to - from)
  const block = await joinedBlock(sql, tenantId, from, to)
  await removeIndex(sql, tenantId, from, to)
  await insertRun(sql, tenantId, headOf(runs, bits))
  await insertPostings(sql, tenantId, from, merged)
  await insertBlock(sql, tenantId, block)
}

function readPosting({ key, body }: Pick<StoredPosting, 'key' | 'body'>): PostingRow {
  return { key: Number(key), piece: 0, body }
}

async function joinedBlock(sql: Sql, tenantId: string, from: number, to: number) {
  const stored = await sql<StoredBlock>(
    `SELECT at::text, entries, occurred_from::text AS "from", times AS exact, missing FROM audit_block b
      WHERE tenant_id = $1::uuid AND b.at >= $2::bigint AND b.at < $3::bigint ORDER BY b.at`,
    [tenantId, from, to],
  )
  const times = stored.flatMap((part) => [
    ...unpackTimes(part.exact, { from: Number(part.from), entries: part.entries }),
  ])
  const missing = stored.flatMap((part) =>
    part.missing ? unpackPlaces(readMissing(part.missing), Number(part.at) - from) : [],
  )
  return { at: from, entries: to - from, times: packTimes(times), missing: packMissing(missing, to - from) }
}

/** First byte: the packing. Null when nothing is missing. */
export function packMissing(places: readonly number[], span: number): Uint8Array | null {
  if (places.length === 0) return null
  const { packing, body } = packPlaces(places, span)
  return Uint8Array.from([packing, ...body])
}

function extentOf(runs: readonly RunHead[]): { from: number; to: number } {
  const [first, last] = [runs[0], runs.at(-1)]
  if (!first || !last) throw new Error('nothing to merge')
  return { from: first.at, to: endOf(last) }
}

function headOf(runs: readonly RunHead[], bits: number) {
  const { from, to } = extentOf(runs)
  const kept = runs.filter(({ gone }) => !gone)
  const times = kept.length === 0 ? [NEVER.getTime()] : kept.flatMap((run) => [run.recordedFrom, run.recordedTo])
  return {
    at: from,
    entries: to - from,
    bits,
    whole: runs.every(({ whole }) => whole),
    recordedFrom: new Date(Math.min(...times)),
    recordedTo: new Date(Math.max(...times)),
  }
}

/** One share of all keys at a time, so that a million entries need the memory of a sixteenth of them. */
async function mergeToSegment(sql: Sql, tenantId: string, runs: readonly RunHead[]): Promise<void> {
  const { from } = extentOf(runs)
  const ats = runs.map(({ at }) => at)
  const [sum] = await sql<{ bytes: string }>(
    'SELECT coalesce(sum(octet_length(body)), 0)::text AS bytes FROM audit_posting WHERE tenant_id = $1::uuid AND at = ANY($2::bigint[]) AND key > 0',
    [tenantId, wholeArray(ats)],
  )
  const bits = mergedBits(Number(sum?.bytes ?? 0))
  // Buckets that hold all shares go when the last share was read.
  for (let share = 0; share < MERGE_SHARES; share++) {
    const stored = await readShare(sql, tenantId, runs, share)
    const rows = Map.groupBy(stored, ({ at }) => Number(at))
    const parts = runs.map(({ at }) => ({ offset: at - from, rows: (rows.get(at) ?? []).map(readPosting) }))
    await insertPostings(sql, tenantId, from, mergeBlocks(parts, { share, bits }))
  }
  await sql('DELETE FROM audit_posting WHERE tenant_id = $1::uuid AND at = ANY($2::bigint[]) AND key = 1', [
    tenantId,
    wholeArray(ats),
  ])
  await sql('DELETE FROM audit_run WHERE tenant_id = $1::uuid AND at = ANY($2::bigint[])', [tenantId, wholeArray(ats)])
  await insertRun(sql, tenantId, headOf(runs, bits))
}

/** Reads a share of the runs and removes it, but for the bucket that holds all shares. */
async function readShare(
  sql: Sql,
  tenantId: string,
  runs: readonly RunHead[],
  share: number,
): Promise<StoredPosting[]> {
  const keys = runs.map(({ bits }) => shareKeys(share, bits))
  const asked = [
    tenantId,
    wholeArray(runs.map(({ at }) => at)),
    wholeArray(keys.map(({ own }) => own[0])),
    wholeArray(keys.map(({ own }) => own[1])),
    wholeArray(keys.map(({ buckets }) => buckets[0])),
    wholeArray(keys.map(({ buckets }) => buckets[1])),
  ]
  const which = `FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[]) AS w(at, o1, o2, b1, b2)`
  const stored = await sql<StoredPosting>(
    `SELECT p.at::text, p.key::text, p.body ${which} CROSS JOIN LATERAL (
       SELECT a.at, a.key, a.body FROM audit_posting a WHERE a.tenant_id = $1::uuid AND a.at = w.at AND a.key BETWEEN w.o1 AND w.o2
       UNION ALL
       SELECT a.at, a.key, a.body FROM audit_posting a WHERE a.tenant_id = $1::uuid AND a.at = w.at AND a.key BETWEEN w.b1 AND w.b2) p`,
    asked,
  )
  for (const [low, high] of [
    ['o1', 'o2'],
    ['b1', 'b2'],
  ])
    await sql(
      `DELETE FROM audit_posting a USING (SELECT * ${which}) w
        WHERE a.tenant_id = $1::uuid AND a.at = w.at AND a.key BETWEEN w.${low} AND w.${high} AND a.key <> 1`,
      asked,
    )
  return stored
}
