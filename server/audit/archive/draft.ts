import 'server-only'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { z } from 'zod'
import { literal } from './engine/client.ts'
import type { ColdFile } from './files.ts'
import { COLD_COLUMNS } from './row.ts'
import { archiveStore, namesOf } from './store.ts'
import { noteName } from './work.ts'

/** A file as it is about to be recorded. `date` is the day (UTC) on which its entries were recorded. */
export type WrittenFile = ColdFile & { date: string; personal: number; revision: number }

/** The same as it is told to a command, or read from a list. */
export const writtenFile = z.object({
  name: z.string(),
  from: z.number(),
  to: z.number(),
  date: z.string(),
  entries: z.number(),
  personal: z.number(),
  bytes: z.number(),
  sha256: z.string(),
  recordedFrom: z.number(),
  recordedTo: z.number(),
  occurredFrom: z.number(),
  occurredTo: z.number(),
  revision: z.number(),
})

/** What is known of a file while it is written. */
export type Gathered = Omit<WrittenFile, 'name' | 'bytes' | 'sha256'>

/** Rows that a reader of the file may skip together: the engine holds them in its memory until all of them have come. */
const MOST_ROWS = 122_880
const LEAST_ROWS = 2_048
const GROUP_BYTES = 192 * 1_048_576

/** How many rows of so many bytes, where they are largest, go together. */
export function groupOf(rowBytes: number): number {
  return Math.max(LEAST_ROWS, Math.min(MOST_ROWS, Math.floor(GROUP_BYTES / Math.max(1, rowBytes))))
}

/** The engine's statement that writes what a SELECT gives, in its order, as a file of the archive. */
export function copyTo(path: string, select: string, groupRows: number): string {
  return `COPY (${select}) TO ${literal(path)} (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 3, ROW_GROUP_SIZE ${groupRows})`
}

/** Lines of JSON as the engine reads them: rows of the archive's columns. */
export function linesOf(path: string): string {
  const types = Object.entries(COLD_COLUMNS).map(([name, type]) => `${literal(name)}: ${literal(type)}`)
  return `read_json(${literal(path)}, columns = {${types.join(', ')}}, format = 'newline_delimited')`
}

/** Puts a draft into the store, under a name that is noted first. */
export async function putDraft(tenantId: string, draft: string, gathered: Gathered): Promise<WrittenFile> {
  const name = nameOf(tenantId, gathered)
  const file = { ...gathered, name, bytes: (await stat(draft)).size, sha256: await sha256Of(draft) }
  await noteName(tenantId, name)
  await archiveStore(tenantId).put(file, draft)
  return file
}

/** Hive layout: `tenant=…/date=…/FROM.REVISION.parquet`. */
function nameOf(tenantId: string, { date, from, revision }: Gathered): string {
  return `${namesOf(tenantId)}date=${date}/${String(from).padStart(12, '0')}.${revision}.parquet`
}

/** SHA-256 of a file, hex. */
export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 1_048_576 })) hash.update(chunk)
  return hash.digest('hex')
}
