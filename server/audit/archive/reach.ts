import 'server-only'
import { pgTransaction } from '#server/kernel/db.ts'
import { AppError, isAppError } from '#server/kernel/errors.ts'
import { NeededFirst } from '#server/kernel/needed-first.ts'
import { literal } from './engine/client.ts'
import { type ColdFile, readColdFiles } from './files.ts'
import { archivePlace, archiveStore } from './store.ts'

/** Files as the engine reads them, from this machine. @throws NeededFirst where some have to be fetched */
export async function sourceHere(tenantId: string, files: readonly ColdFile[]): Promise<string> {
  const store = archiveStore(tenantId)
  const paths = await Promise.all(files.map((file) => store.here(file)))
  const away = files.filter((_, n) => paths[n] === null)
  if (away.length === 0) return sourceOf(paths)
  throw new NeededFirst(async (withinMs) => {
    await fetched(tenantId, away, withinMs).catch(async (error: unknown) => {
      // Some were written anew, or have gone: whoever asks again reads the list as it is now.
      if (await areRecorded(tenantId, away)) throw error
    })
  })
}

/** The same wherever they are kept, never within a transaction. @throws AppError unavailable */
export async function sourceFetched(tenantId: string, files: readonly ColdFile[], withinMs: number): Promise<string> {
  return sourceOf(await fetched(tenantId, files, withinMs))
}

/** What stands for files of a list that was read before; empty where they are still recorded, or nothing is left of them. */
export async function standingFor(tenantId: string, files: readonly ColdFile[]): Promise<readonly ColdFile[]> {
  if (await areRecorded(tenantId, files)) return []
  const list = await readList(tenantId)
  return list.filter((file) => files.some((old) => file.from < old.to && file.to > old.from))
}

async function areRecorded(tenantId: string, files: readonly ColdFile[]): Promise<boolean> {
  const names = new Set((await readList(tenantId)).map(({ name }) => name))
  return files.every(({ name }) => names.has(name))
}

/** In a transaction of its own: one that is under way sees the list as it was. */
function readList(tenantId: string): Promise<readonly ColdFile[]> {
  return pgTransaction('reader', tenantId, (_client, sql) => readColdFiles(sql, tenantId))
}

function sourceOf(paths: readonly (string | null)[]): string {
  const names = paths.flatMap((path) => (path === null ? [] : [literal(path)]))
  return `read_parquet([${names.join(', ')}], hive_partitioning = false)`
}

/** The files' paths on this machine. What did not come in time goes on coming: whoever asks again later finds it. */
async function fetched(tenantId: string, files: readonly ColdFile[], withinMs: number): Promise<string[]> {
  const store = archiveStore(tenantId)
  const coming = Promise.all(files.map((file) => store.local(file)))
  if (withinMs === Number.POSITIVE_INFINITY) return coming
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(lateFor(files)), Math.max(0, withinMs))
  })
  try {
    return await Promise.race([coming, late])
  } finally {
    clearTimeout(timer)
    // It may fail when nobody waits for it any more.
    coming.catch(() => {})
  }
}

const LATE = 'archive_late'

/** Whether a file did not come in the time that it was waited for. */
export function isLate(error: unknown): boolean {
  return isAppError(error) && error.cause === LATE
}

function lateFor([first]: readonly ColdFile[]): AppError {
  const place = archivePlace()
  const bucket = place.kind === 's3' ? `’s bucket ${place.bucket}` : ''
  return new AppError('unavailable', {
    detail: `The archive${bucket} has not given ${first?.name} yet. It is fetched on: try again in a moment.`,
    retryAfter: 10,
    cause: LATE,
  })
}
