import 'server-only'
import { createHash } from 'node:crypto'
import { createReadStream, rmSync } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { pgTransaction } from '#server/kernel/db.ts'
import type { StoredEntry } from '../stored.ts'
import { engineAll, literal } from './engine/client.ts'
import type { ColdFile } from './files.ts'
import { ColdFileProblem } from './problem.ts'
import { COLD_COLUMNS, coldRow } from './row.ts'
import { archiveStore } from './store.ts'
import { clearDrafts, draftPath, noteName } from './work.ts'

/** Entries of one file, at most. */
export const FILE_ENTRIES = 1_000_000
const READ_AT_ONCE = 2_000
/** Rows that a reader of the file may skip together. */
const ROW_GROUP = 122_880

/** A file as it is about to be recorded. `date` is the day (UTC) on which its entries were recorded. */
export type WrittenFile = ColdFile & { date: string; personal: number; revision: number }

export type Stretch = {
  /** Where what was archived before ends. */
  from: number
  /** Nothing is archived that was not signed. */
  size: number
  /** Midnight: what was recorded from then on stays where it is. */
  before: Date
  /** Entries of one file, at most. */
  fileEntries: number
}

/**
 * Writes the next file of the log: kept entries of one day from `from` on, in the store under its name when this returns. Null when
 * nothing more is old enough. @throws ColdFileProblem for an entry that cannot be read
 */
export async function writeColdFile(tenantId: string, stretch: Stretch): Promise<WrittenFile | null> {
  const lines = draftPath(tenantId, 'ndjson')
  const draft = draftPath(tenantId, 'parquet')
  try {
    const gathered = await writeLines(tenantId, stretch, lines)
    if (!gathered) return null
    await engineAll(copyStatement(lines, draft))
    rmSync(lines)
    const name = nameOf(tenantId, gathered)
    const file = { ...gathered, name, bytes: (await stat(draft)).size, sha256: await sha256Of(draft) }
    await noteName(tenantId, name)
    await archiveStore().put(file, draft)
    return file
  } finally {
    clearDrafts(tenantId)
  }
}

/** Hive layout: `tenant=…/date=…/FROM.REVISION.parquet`. */
function nameOf(tenantId: string, { date, from, revision }: Gathered): string {
  return `tenant=${tenantId}/date=${date}/${String(from).padStart(12, '0')}.${revision}.parquet`
}

/** The lines are in the order of the log already, and the engine keeps the order of what it reads. */
function copyStatement(from: string, to: string): string {
  const columns = Object.entries(COLD_COLUMNS).map(([name, type]) => `${literal(name)}: ${literal(type)}`)
  const source = `read_json(${literal(from)}, columns = {${columns.join(', ')}}, format = 'newline_delimited')`
  return `COPY (SELECT * FROM ${source}) TO ${literal(to)} (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 3, ROW_GROUP_SIZE ${ROW_GROUP})`
}

/** SHA-256 of a file, hex. */
export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 1_048_576 })) hash.update(chunk)
  return hash.digest('hex')
}

type Gathered = Omit<WrittenFile, 'name' | 'bytes' | 'sha256'>

async function writeLines(tenantId: string, stretch: Stretch, path: string): Promise<Gathered | null> {
  let gathered: Gathered | null = null
  // Whatever a crash left under this name is overwritten.
  const handle = await open(path, 'w', 0o600)
  try {
    for await (const entries of eachOfOneDay(tenantId, stretch))
      gathered = await addLines(handle, entries, gathered ?? begin(stretch.from, entries))
    return gathered
  } finally {
    await handle.close()
  }
}

type ClassedEntry = StoredEntry & { class: string }

function begin(from: number, [first]: readonly ClassedEntry[]): Gathered {
  const recordedFrom = first?.recordedAt.getTime() ?? 0
  return {
    from,
    to: from,
    date: dayOf(recordedFrom),
    revision: 1,
    entries: 0,
    personal: 0,
    recordedFrom,
    recordedTo: recordedFrom,
    occurredFrom: Number.POSITIVE_INFINITY,
    occurredTo: Number.NEGATIVE_INFINITY,
  }
}

async function addLines(
  handle: FileHandle,
  entries: readonly ClassedEntry[],
  { ...gathered }: Gathered,
): Promise<Gathered> {
  let lines = ''
  for (const entry of entries) {
    const row = rowOf(entry)
    lines += `${JSON.stringify(row)}\n`
    gathered.entries++
    if (entry.personal !== null) gathered.personal++
    gathered.recordedTo = row.recorded_at
    gathered.occurredFrom = Math.min(gathered.occurredFrom, row.occurred_at)
    gathered.occurredTo = Math.max(gathered.occurredTo, row.occurred_at)
    gathered.to = entry.index + 1
  }
  await handle.writeFile(lines)
  return gathered
}

function rowOf(entry: ClassedEntry) {
  try {
    return coldRow(entry, entry.class)
  } catch {
    // No JSON, or not what the ledger writes: somebody was at it.
    throw new ColdFileProblem('altered', entry.index)
  }
}

/** Entries of the stretch's first day, a few at a time. */
async function* eachOfOneDay(tenantId: string, stretch: Stretch): AsyncGenerator<ClassedEntry[], void> {
  const { size, before, fileEntries } = stretch
  let day: string | undefined
  let room = fileEntries
  for (let next = stretch.from; room > 0; ) {
    const limit = Math.min(READ_AT_ONCE, room)
    const entries = await readClassed(tenantId, { from: next, to: size, limit })
    day ??= entries[0] && dayOf(entries[0].recordedAt.getTime())
    const last = entries.findIndex(
      ({ recordedAt }) => recordedAt.getTime() >= before.getTime() || dayOf(recordedAt.getTime()) !== day,
    )
    const own = last === -1 ? entries : entries.slice(0, last)
    if (own.length > 0) yield own
    room -= own.length
    const end = own.at(-1)
    if (own.length < limit || !end) return
    next = end.index + 1
  }
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}

type Row = { index: string; at: Date | string; class: string; entry: string; personal: string | null }

/** Index: (tenant, index) of each month. */
async function readClassed(
  tenantId: string,
  { from, to, limit }: { from: number; to: number; limit: number },
): Promise<ClassedEntry[]> {
  const rows = await pgTransaction('reader', tenantId, (_client, sql) =>
    sql<Row>(
      `SELECT e.index::text, e.recorded_at AS at, e.class, e.entry, e.personal FROM audit_entry e
        WHERE e.tenant_id = $1::uuid AND e.index >= $2::text::bigint AND e.index < $3::text::bigint ORDER BY e.index LIMIT $4::integer`,
      [tenantId, String(from), String(to), limit],
    ),
  )
  return rows.map(({ index, at, class: name, entry, personal }) => ({
    index: Number(index),
    recordedAt: new Date(at),
    class: name,
    text: entry,
    personal,
  }))
}
