import 'server-only'
import type { Problem } from '#protocol/audit/verify-differences.ts'
import { pgTransaction } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { type RecordedFile, readColdFiles, readColdTo } from './archive/files.ts'
import { ColdFileProblem } from './archive/problem.ts'
import { requireBytes, verifyColdFile } from './archive/verify.ts'
import type { Head } from './tree.ts'

type Watch = {
  signal?: AbortSignal | undefined
  /** Awaited after each file, with the place behind it. */
  onRead?: ((index: number) => Promise<void> | undefined) | undefined
}

/** Files of the archive whose bytes are not those that were recorded, or that are not there, or where no search looks for them. */
export async function damagedFiles(tenantId: string, { signal, onRead }: Watch): Promise<readonly Problem[]> {
  const { files, coldTo } = await pgTransaction('reader', tenantId, async (_client, sql) => ({
    files: await readColdFiles(sql, tenantId),
    coldTo: await readColdTo(sql, tenantId),
  }))
  const problems: Problem[] = []
  const end = files.at(-1)?.to ?? 0
  if (end > coldTo) problems.push(hidden(coldTo, end))
  for (const file of files) {
    signal?.throwIfAborted()
    await requireBytes(tenantId, file).catch(async (error: unknown) => {
      if (!isDamage(error)) throw error
      // A purge or an erasure may have put another one in its place meanwhile; what is searched is compared with that.
      if (await isRecorded(tenantId, file)) problems.push(damaged(file))
    })
    await onRead?.(file.to)
  }
  return problems
}

async function isRecorded(tenantId: string, { name, sha256 }: RecordedFile): Promise<boolean> {
  const files = await coldFiles(tenantId)
  return files.some((file) => file.name === name && file.sha256 === sha256)
}

/** Derives what is searched in the archive from its entries again and compares it with the files' columns. */
export async function verifyArchive(
  tenantId: string,
  head: Head,
  { signal, onRead }: Watch,
): Promise<readonly Problem[]> {
  const problems: Problem[] = []
  for (const file of await coldFiles(tenantId)) {
    signal?.throwIfAborted()
    await verifyColdFile(tenantId, file, head).catch((error: unknown) => {
      if (!(error instanceof ColdFileProblem)) throw error
      problems.push(error.index === null ? damaged(file) : wrongColumn(error.index))
    })
    await onRead?.(file.to)
  }
  return problems
}

/** A file that is missing or cut is no failure of whoever keeps it. */
function isDamage(error: unknown): boolean {
  return (error instanceof AppError ? error.cause : error) instanceof ColdFileProblem
}

function coldFiles(tenantId: string): Promise<RecordedFile[]> {
  return pgTransaction('reader', tenantId, (_client, sql) => readColdFiles(sql, tenantId))
}

function damaged({ name, from, to }: RecordedFile): Problem {
  const reason = `the archive's file ${name} is not what was written, or is missing`
  return { code: 'archive_damaged', index: from, ...(to - from > 1 && { until: to - 1 }), reason }
}

function hidden(from: number, to: number): Problem {
  const reason = `the archive's boundary was moved back to entry ${from}: what its files hold beyond is not searched`
  return { code: 'archive_damaged', index: from, ...(to - from > 1 && { until: to - 1 }), reason }
}

function wrongColumn(index: number): Problem {
  const reason = `what the archive searches of entry ${index} does not follow from it`
  return { code: 'archive_wrong_column', index, reason }
}
