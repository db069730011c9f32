import 'server-only'
import { rmSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import type { IndexRange } from '#protocol/audit/purge-certificate.ts'
import { readTransaction } from '#server/kernel/db.ts'
import { createLog } from '#server/kernel/log.ts'
import type { Head } from '../tree.ts'
import { copyTo, groupOf, linesOf, putDraft, type WrittenFile } from './draft.ts'
import { type EngineCell, engineAll, engineRows, literal } from './engine/client.ts'
import { type RecordedFile, readRecordedFiles } from './files.ts'
import { ColdFileProblem } from './problem.ts'
import { withdrawFiles } from './record.ts'
import { announceReplaced, type Replaced, settleReplaced } from './replaced.ts'
import { COLD_COLUMNS, coldRow } from './row.ts'
import { requireBytes, verifyColdFile } from './verify.ts'
import { clearDrafts, draftPath, noteName, sweepNoted } from './work.ts'

const log = createLog('archive')

/** Entries that go from the archive, or whose personal values do. Ascending ranges. */
export type Going = { places: readonly IndexRange[] } & ({ what: 'entries'; purgeId: string } | { what: 'personal' })

/**
 * Writes the files anew that hold what goes, verified against the tree, and hands them to `replace`, which puts them in the place of the
 * old ones or throws; then the files that do not count any more are removed. If we die anywhere, either the old or the new ones are
 * recorded, and the next run removes the others. The caller holds the organisation's lock (`keeping.run`).
 * @throws ColdFileProblem where a file is not what was written · AppError unavailable
 */
export async function replaceFiles<T>(
  tenantId: string,
  { going, head }: { going: Going; head: Head },
  replace: (files: readonly Replaced[]) => Promise<T>,
): Promise<T> {
  const concerned = await readConcerned(tenantId, going.places)
  try {
    const replaced: { old: RecordedFile; file: WrittenFile | null }[] = []
    for (const { file: old, places } of concerned) {
      replaced.push({ old, file: await writeAnew(tenantId, old, { going: { ...going, places }, head }) })
      await noteName(tenantId, old.name)
    }
    await announceReplaced(tenantId, replaced, going.what === 'entries' ? going.purgeId : null)
    return await replace(replaced)
  } finally {
    if (concerned.length > 0)
      await sweepArchive(tenantId).catch((err: unknown) =>
        log.warn({ tenantId, err }, 'a file that does not count could not be removed yet'),
      )
  }
}

/** Removes what a crash left of files that are not recorded, and drafts. The caller holds the organisation's lock. */
export async function sweepArchive(tenantId: string): Promise<void> {
  clearDrafts(tenantId)
  const files = await readTransaction(tenantId, ({ sql }) => readRecordedFiles(sql, tenantId))
  const names = new Set(files.map(({ name }) => name))
  const isRecorded = (name: string) => names.has(name)
  await settleReplaced(tenantId, isRecorded)
  await sweepNoted(tenantId, isRecorded)
}

/**
 * Withdraws the files whose entries are still in the tables, where an archiving that was cut off left some: they hold what is erased or
 * purged there. With `places` only where some of these are among theirs. The next night writes them again. The caller holds the
 * organisation's lock.
 */
export async function withdrawWaiting(tenantId: string, places?: readonly IndexRange[]): Promise<void> {
  const files = await readTransaction(tenantId, ({ sql }) => readRecordedFiles(sql, tenantId))
  const isConcerned = ({ state, from, to }: RecordedFile) =>
    state === 'written' && (places?.some((range) => range.from < to && range.to > from) ?? true)
  if (!files.some(isConcerned)) return
  await withdrawFiles(tenantId, new ColdFileProblem('changed'))
  await sweepArchive(tenantId)
}

type Concerned = { file: RecordedFile; places: IndexRange[] }

/** The archived files with the places among these that lie in them. */
async function readConcerned(tenantId: string, places: readonly IndexRange[]): Promise<Concerned[]> {
  if (places.length === 0) return []
  const files = await readTransaction(tenantId, ({ sql }) => readRecordedFiles(sql, tenantId))
  const concerned: Concerned[] = []
  let at = 0
  for (const file of files) {
    if (file.state !== 'cold') continue
    const own: IndexRange[] = []
    while ((places[at]?.to ?? Number.POSITIVE_INFINITY) <= file.from) at++
    for (let next = at; next < places.length; next++) {
      const range = places[next]
      if (!range || range.from >= file.to) break
      own.push({ from: Math.max(range.from, file.from), to: Math.min(range.to, file.to) })
    }
    if (own.length > 0) concerned.push({ file, places: own })
  }
  return concerned
}

async function writeAnew(
  tenantId: string,
  old: RecordedFile,
  { going, head }: { going: Going; head: Head },
): Promise<WrittenFile | null> {
  const count = going.places.reduce((sum, { from, to }) => sum + to - from, 0)
  if (going.what === 'entries' && count === old.entries) return null
  try {
    const draft = await writeDraft(tenantId, old, going)
    const expected = {
      entries: old.entries - (going.what === 'entries' ? count : 0),
      personal: going.what === 'personal' ? old.personal - count : null,
    }
    const measured = await measure(draft)
    if (measured.entries !== expected.entries || (expected.personal ?? measured.personal) !== measured.personal)
      throw new ColdFileProblem('damaged')
    const { state: _, ...same } = old
    const file = await putDraft(tenantId, draft, { ...same, ...measured, revision: old.revision + 1 })
    await verifyColdFile(tenantId, file, head)
    return file
  } finally {
    clearDrafts(tenantId)
  }
}

/**
 * What stays as it was, in the order of the log, and of what loses its personal values the rows without them. Row by row: to sort long
 * texts the engine needs more memory than it has.
 */
async function writeDraft(tenantId: string, old: RecordedFile, going: Going): Promise<string> {
  const source = `read_parquet(${literal(await requireBytes(tenantId, old))}, hive_partitioning = false)`
  const lines = draftPath(tenantId, 'ndjson')
  const rowBytes = await writeLines(lines, rowsAnew(`SELECT ${COLUMNS.join(', ')} FROM ${source}`, going))
  const draft = draftPath(tenantId, 'parquet')
  await engineAll(copyTo(draft, `SELECT * FROM ${linesOf(lines)}`, groupOf(rowBytes)))
  rmSync(lines)
  return draft
}

const COLUMNS = Object.keys(COLD_COLUMNS)

async function* rowsAnew(select: string, { places, what }: Going): AsyncGenerator<object[]> {
  let at = 0
  const isGoing = (index: number) => {
    while ((places[at]?.to ?? Number.POSITIVE_INFINITY) <= index) at++
    return (places[at]?.from ?? Number.POSITIVE_INFINITY) <= index
  }
  for await (const rows of engineRows(select)) {
    const kept: object[] = []
    for (const cells of rows) {
      const row = Object.fromEntries(COLUMNS.map((name, n) => [name, cells[n]]))
      if (!isGoing(Number(row.index))) kept.push(row)
      else if (what === 'personal') kept.push(bareRow(row))
    }
    yield kept
  }
}

/** What is searched of an entry without personal values is derived as for any other. */
function bareRow({ index, recorded_at, class: name, entry }: Record<string, EngineCell | undefined>): object {
  const recordedAt = new Date(Number(recorded_at))
  return coldRow({ index: Number(index), recordedAt, text: String(entry), personal: null }, String(name))
}

/** Answers how many bytes a row has where they are largest. */
async function writeLines(path: string, pages: AsyncIterable<readonly object[]>): Promise<number> {
  let rowBytes = 0
  const handle: FileHandle = await open(path, 'w', 0o600)
  try {
    for await (const rows of pages) {
      const bytes = Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
      await handle.writeFile(bytes)
      rowBytes = Math.max(rowBytes, bytes.length / Math.max(1, rows.length))
    }
  } finally {
    await handle.close()
  }
  return rowBytes
}

type Measured = Pick<
  WrittenFile,
  'entries' | 'personal' | 'recordedFrom' | 'recordedTo' | 'occurredFrom' | 'occurredTo'
>

async function measure(draft: string): Promise<Measured> {
  const [row = []] = await engineAll(
    `SELECT count(*), count(personal), min(recorded_at), max(recorded_at), min(occurred_at), max(occurred_at) FROM read_parquet(${literal(draft)}, hive_partitioning = false)`,
  )
  const [entries = 0, personal = 0, recordedFrom = 0, recordedTo = 0, occurredFrom = 0, occurredTo = 0] =
    row.map(Number)
  return { entries, personal, recordedFrom, recordedTo, occurredFrom, occurredTo }
}
