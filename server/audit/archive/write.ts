import 'server-only'
import { rmSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { pgTransaction } from '#server/kernel/db.ts'
import type { StoredEntry } from '../stored.ts'
import { copyTo, type Gathered, groupOf, linesOf, putDraft, type WrittenFile } from './draft.ts'
import { engineAll } from './engine/client.ts'
import { ColdFileProblem } from './problem.ts'
import { coldRow } from './row.ts'
import { clearDrafts, draftPath } from './work.ts'

/** Entries of one file, at most. */
export const FILE_ENTRIES = 1_000_000
const READ_AT_ONCE = 2_000

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
    const written = await writeLines(tenantId, stretch, lines)
    if (!written) return null
    // The lines are in the order of the log already, and the engine keeps the order of what it reads.
    await engineAll(copyTo(draft, `SELECT * FROM ${linesOf(lines)}`, groupOf(written.rowBytes)))
    rmSync(lines)
    return await putDraft(tenantId, draft, written.gathered)
  } finally {
    clearDrafts(tenantId)
  }
}

/** `rowBytes`: of a row where they are largest. */
type Written = { gathered: Gathered; rowBytes: number }

async function writeLines(tenantId: string, stretch: Stretch, path: string): Promise<Written | null> {
  let written: Written | null = null
  // Whatever a crash left under this name is overwritten.
  const handle = await open(path, 'w', 0o600)
  try {
    for await (const entries of eachOfOneDay(tenantId, stretch))
      written = await addLines(handle, entries, written ?? { gathered: begin(stretch.from, entries), rowBytes: 0 })
    return written
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
  { gathered: { ...gathered }, rowBytes }: Written,
): Promise<Written> {
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
  const bytes = Buffer.from(lines)
  await handle.writeFile(bytes)
  return { gathered, rowBytes: Math.max(rowBytes, bytes.length / entries.length) }
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
