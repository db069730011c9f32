import 'server-only'
import { readEnv } from '#server/kernel/env.ts'
import { AppError } from '#server/kernel/errors.ts'
import { fileCache } from './cache.ts'
import { directoryStore } from './directory.ts'
import { archiveRoots } from './engine/client.ts'
import { ColdFileProblem } from './problem.ts'
import { bucketStore } from './s3/bucket.ts'

/** A file of the archive as it was made. `sha256` is hex. */
export type ArchivedFile = { name: string; bytes: number; sha256: string }

/** Where the archive's files are kept. What fails is an AppError unavailable that names the file. */
export type ArchiveStore = {
  /**
   * Takes a file of this machine under its name and returns when it is kept for good; the local file is gone then. Repeated, it
   * replaces what has the name.
   */
  put(file: ArchivedFile, localPath: string): Promise<void>
  /** The path of a local copy, for the engine to read at once; null where it would have to be fetched. Waits for nobody elsewhere. */
  here(file: ArchivedFile): Promise<string | null>
  /** The path of a local copy, fetched where there is none: of one that is kept elsewhere it may be gone minutes later. */
  local(file: ArchivedFile): Promise<string>
  /**
   * The same, once it was found where it is kept: a copy alone does not stand for it. Its bytes are the caller's to compare. Of a file
   * that is not there any more, or is another one, the error's cause is a ColdFileProblem `damaged`.
   */
  kept(file: ArchivedFile): Promise<string>
  /** Does nothing where there is no such file. */
  remove(name: string): Promise<void>
}

/** Copies of files that are kept elsewhere may take so much of this machine's disk. */
const CACHE_BYTES = 10 * 1024 ** 3

/**
 * What an organisation may reach of this instance's store: files below its own name. Names are read from a table, and somebody who can
 * write that could otherwise have another organisation's events found, or its files removed. @throws AppError unavailable for others
 */
export function archiveStore(tenantId: string): ArchiveStore {
  const { put, here, local, kept, remove } = instanceStore()
  const own = async (name: string) => {
    if (isOwnName(tenantId, name)) return
    throw new AppError('unavailable', {
      detail: `The archive's file ${name} is not this organisation's.`,
      cause: new ColdFileProblem('damaged'),
    })
  }
  return {
    put: (file, localPath) => own(file.name).then(() => put(file, localPath)),
    here: (file) => own(file.name).then(() => here(file)),
    local: (file) => own(file.name).then(() => local(file)),
    kept: (file) => own(file.name).then(() => kept(file)),
    remove: (name) => own(name).then(() => remove(name)),
  }
}

/** The beginning of the names of an organisation's files. */
export function namesOf(tenantId: string): string {
  return `tenant=${tenantId}/`
}

/** Whether a file's name is one of this organisation's. */
export function isOwnName(tenantId: string, name: string): boolean {
  return name.startsWith(namesOf(tenantId))
}

/** The bucket that this instance was started with, otherwise its data directory. */
function instanceStore(): ArchiveStore {
  const roots = archiveRoots()
  if (!process.env.GATEHOUSE_ARCHIVE_S3_BUCKET) return directoryStore(roots.files)
  made ??= makeBucketStore(roots.cache)
  return made
}

/** Where that is, for people. */
export function archivePlace(): { kind: 'directory' } | { kind: 's3'; bucket: string } {
  const bucket = process.env.GATEHOUSE_ARCHIVE_S3_BUCKET
  return bucket ? { kind: 's3', bucket } : { kind: 'directory' }
}

let made: ArchiveStore | undefined

function makeBucketStore(cache: string): ArchiveStore {
  const { archiveBucket } = readEnv()
  if (!archiveBucket) throw new TypeError('no bucket is set')
  return bucketStore(archiveBucket, fileCache(cache, CACHE_BYTES))
}
