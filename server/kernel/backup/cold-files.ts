import 'server-only'
import { createHash } from 'node:crypto'
import { createReadStream, existsSync, mkdirSync, renameSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type pg from 'pg'
import type { FileSource } from './data-dir.ts'
import { BackupError, type StreamLine } from './format.ts'

/** A file of the log's archive, as the database describes it. `sha256` is hex. */
export type ColdFile = { name: string; bytes: number; sha256: string }

const NAME = /^tenant=([0-9a-f-]{36})\/date=(\d{4}-\d\d-\d\d)\/(\d{12,}\.\d+\.parquet)$/
const STREAM = /^archive\/([0-9a-f-]{36})\/(\d{4}-\d\d-\d\d)\/(\d{12,}\.\d+\.parquet)$/

/** Every file that the archives of all organisations name; none in a schema from before there were any. */
export async function coldFilesOf(client: pg.Client): Promise<ColdFile[]> {
  const { rows: found } = await client.query<{ there: boolean }>(
    `SELECT to_regclass('public.audit_archive_file') IS NOT NULL AS there`,
  )
  if (!found[0]?.there) return []
  const { rows } = await client.query<{ name: string; bytes: string; sha256: string }>(
    `SELECT name, bytes::text, encode(sha256, 'hex') AS sha256 FROM public.audit_archive_file ORDER BY tenant_id, from_index`,
  )
  return rows.map((row) => ({ ...row, bytes: Number(row.bytes) }))
}

/** The stream of a file; members of a tar have names of a hundred bytes at most. */
function streamOf(name: string): string {
  const [, tenantId, date, file] = NAME.exec(name) ?? []
  if (file === undefined) throw new BackupError(`the archive names ${name}, which is no name of a file of it`)
  return `archive/${tenantId}/${date}/${file}`
}

/** Whether a stream of a backup is a file of the archive. */
export function isColdStream(stream: string): boolean {
  return STREAM.test(stream)
}

/** @throws BackupError where a file is missing, or not what was recorded: nothing of what is in no backup may be taken for saved */
export function coldSources(dataDir: string, files: readonly ColdFile[]): FileSource[] {
  return files.map((file) => ({
    name: streamOf(file.name),
    bytes: async function* () {
      const path = join(dataDir, 'archive', file.name)
      if (!existsSync(path))
        throw new BackupError(
          `the archive's file ${file.name} is missing, or was replaced while the backup was made: try again`,
        )
      const hash = createHash('sha256')
      for await (const chunk of createReadStream(path, { highWaterMark: 1_048_576 })) {
        hash.update(chunk)
        yield chunk
      }
      if (hash.digest('hex') !== file.sha256)
        throw new BackupError(`the archive's file ${file.name} is not what was recorded of it`)
    },
  }))
}

/** Every file that the restored database names came out of the backup as it was recorded. @throws BackupError naming the first that did not */
export function requireColdFiles(files: readonly ColdFile[], streams: readonly StreamLine[]): void {
  const sums = new Map(streams.map(({ name, sha256 }) => [name, sha256]))
  for (const { name, sha256 } of files) {
    const found = sums.get(streamOf(name))
    if (found === undefined) throw new BackupError(`the backup does not hold the archive's file ${name}`)
    if (found !== sha256) throw new BackupError(`the archive's file ${name} is not what was recorded of it`)
  }
}

/** Puts a staged file into its place in the data directory. */
export function placeColdFile(from: string, dataDir: string, stream: string): void {
  const [, tenantId, date, file] = STREAM.exec(stream) ?? []
  const to = join(dataDir, 'archive', `tenant=${tenantId}`, `date=${date}`, file ?? '')
  mkdirSync(dirname(to), { recursive: true, mode: 0o700 })
  renameSync(from, to)
}
