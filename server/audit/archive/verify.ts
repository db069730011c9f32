import 'server-only'
import { stat } from 'node:fs/promises'
import { equalBytes } from '#lib/bytes.ts'
import type { AuditEntry } from '#protocol/audit/entry.ts'
import { HASH_BYTES, TILE_WIDTH } from '#protocol/audit/merkle.ts'
import { verifyPersonalText } from '#protocol/audit/personal.ts'
import { pgTransaction } from '#server/kernel/db.ts'
import { type Head, leafOf, tileReader } from '../tree.ts'
import { sha256Of, type WrittenFile } from './draft.ts'
import { type EngineCell, engineRows, literal } from './engine/client.ts'
import { ColdFileProblem } from './problem.ts'
import { COLD_COLUMNS, coldRow } from './row.ts'
import { archiveStore } from './store.ts'

// The keys of an object of ours.
const COLUMNS = Object.keys(COLD_COLUMNS) as (keyof typeof COLD_COLUMNS)[]

/**
 * Reads a file of the store back, whole: its bytes are those that were written, each entry is the one whose hash stands in the tree at
 * its place, personal values are what it committed to, and what is searched follows from both. @throws ColdFileProblem
 */
export async function verifyColdFile(tenantId: string, file: WrittenFile, head: Head): Promise<void> {
  const path = await requireBytes(tenantId, file)
  let counted: Counted = { after: file.from - 1, entries: 0, personal: 0, recorded: NOWHERE, occurred: NOWHERE }
  for await (const rows of engineRows(
    `SELECT ${COLUMNS.join(', ')} FROM read_parquet(${literal(path)}, hive_partitioning = false)`,
  )) {
    const leaves = await leavesFor(tenantId, head, rows)
    for (const row of rows) counted = requireRow(file, row, { counted, leaf: leaves(Number(row[0])) })
  }
  if (!isAsRecorded(file, counted)) throw new ColdFileProblem('damaged')
}

/** By its times a search decides whether to look into a file at all: wrong ones would hide what is in it. */
function isAsRecorded(file: WrittenFile, { entries, personal, recorded, occurred }: Counted): boolean {
  return (
    entries === file.entries &&
    personal === file.personal &&
    recorded.from === file.recordedFrom &&
    recorded.to === file.recordedTo &&
    occurred.from === file.occurredFrom &&
    occurred.to === file.occurredTo
  )
}

/** Where a copy of it lies, once its size and its sum are what they were. @throws ColdFileProblem damaged · AppError unavailable */
export async function requireBytes(tenantId: string, file: WrittenFile): Promise<string> {
  const path = await archiveStore(tenantId).kept(file)
  if ((await stat(path)).size !== file.bytes || (await sha256Of(path)) !== file.sha256)
    throw new ColdFileProblem('damaged')
  return path
}

type Times = { from: number; to: number }
const NOWHERE: Times = { from: Number.POSITIVE_INFINITY, to: Number.NEGATIVE_INFINITY }

function widened({ from, to }: Times, time: number): Times {
  return { from: Math.min(from, time), to: Math.max(to, time) }
}

type Counted = { after: number; entries: number; personal: number; recorded: Times; occurred: Times }
type Expected = { counted: Counted; leaf: Uint8Array | undefined }

function requireRow(file: WrittenFile, row: readonly EngineCell[], { counted, leaf }: Expected): Counted {
  const value = (name: keyof typeof COLD_COLUMNS) => row[COLUMNS.indexOf(name)] ?? null
  const [index, text, personal] = [Number(value('index')), String(value('entry')), value('personal')]
  if (index <= counted.after || index >= file.to) throw new ColdFileProblem('damaged', index)
  if (!leaf || !equalBytes(leafOf(text), leaf)) throw new ColdFileProblem('altered', index)
  const entry = JSON.parse(text) as AuditEntry
  const recordedAt = new Date(Number(value('recorded_at')))
  const values = typeof personal === 'string' ? personal : null
  if (Date.parse(entry.recordedAt) !== recordedAt.getTime()) throw new ColdFileProblem('altered', index)
  if (values !== null && !verifyPersonalText(values, entry.personal.sha256)) throw new ColdFileProblem('altered', index)
  const again = coldRow({ index, recordedAt, text, personal: values }, String(value('class')))
  if (JSON.stringify(COLUMNS.map((name) => again[name])) !== JSON.stringify(row))
    throw new ColdFileProblem('damaged', index)
  return {
    after: index,
    entries: counted.entries + 1,
    personal: counted.personal + (values === null ? 0 : 1),
    recorded: widened(counted.recorded, again.recorded_at),
    occurred: widened(counted.occurred, again.occurred_at),
  }
}

/** The leaves of the tree around these rows, by their place. */
async function leavesFor(
  tenantId: string,
  head: Head,
  rows: readonly (readonly EngineCell[])[],
): Promise<(index: number) => Uint8Array | undefined> {
  const numbers = new Set(rows.map(([index]) => Math.floor(Number(index) / TILE_WIDTH)))
  const tiles = new Map<number, Uint8Array>()
  await pgTransaction('reader', tenantId, async (_client, sql) => {
    const read = tileReader(sql, tenantId, head)
    for (const number of numbers) tiles.set(number, await read(0, number, TILE_WIDTH))
  })
  return (index) => {
    const at = (index % TILE_WIDTH) * HASH_BYTES
    const leaf = tiles.get(Math.floor(index / TILE_WIDTH))?.subarray(at, at + HASH_BYTES)
    return leaf?.length === HASH_BYTES ? leaf : undefined
  }
}
