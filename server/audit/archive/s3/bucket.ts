import 'server-only'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { ArchiveBucket } from '#server/kernel/env/archive-bucket.ts'
import { AppError, isAppError } from '#server/kernel/errors.ts'
import type { FileCache } from '../cache.ts'
import { ColdFileProblem } from '../problem.ts'
import type { ArchivedFile, ArchiveStore } from '../store.ts'
import { askBucket, bytesOf, keyOf, type Patience, S3Failure } from './request.ts'

/** What one PUT may carry (https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html). */
const MOST_BYTES = 5 * 1024 ** 3
/** Versions of one object; a name is used once, and again only after a crash. */
const MOST_VERSIONS = 100

type Digests = { bytes: number; sha256: string; md5: Buffer }

/** Objects of a bucket that speaks S3, with copies on this machine for the engine to read. */
export function bucketStore(bucket: ArchiveBucket, cache: FileCache, patience?: Patience): ArchiveStore {
  const fetch = (file: ArchivedFile, path: string | null) =>
    damagedWhereLost(
      askBucket(
        bucket,
        { method: 'GET', name: file.name },
        { take: (answer) => receive(answer, file, path), patience },
      ),
    )
  const local = (file: ArchivedFile) => cache.local(file, (path) => fetch(file, path))
  const requireKept = async (file: ArchivedFile, digests: Digests) => {
    const kept = await askBucket(
      bucket,
      { method: 'HEAD', name: file.name },
      { take: whetherThere, also: [404], patience },
    )
    // Encrypted with a key of its own an object has no MD5 to compare: then it is read. So is one that is not there, to be told why.
    if (!kept || !isKnownSame(kept, digests)) await fetch(file, null)
  }
  return {
    put: async (file, localPath) => {
      const digests = await digestsOf(localPath)
      requireSame(bucket, file, digests)
      if (file.bytes > MOST_BYTES)
        throw new RangeError(`a file of the archive may have ${MOST_BYTES} bytes: ${file.name} has ${file.bytes}`)
      const { bytes, sha256, md5 } = digests
      const body = { path: localPath, bytes, sha256, md5: md5.toString('base64') }
      await askBucket(bucket, { method: 'PUT', name: file.name, body }, { take: drain, patience })
      await requireKept(file, digests)
      await cache.take(file, localPath)
    },
    here: (file) => cache.find(file),
    local,
    kept: async (file) => {
      const copy = await digestsOf(await local(file))
      // A copy that went bad is no loss.
      if (copy.sha256 !== file.sha256) await cache.drop(file.name)
      const path = await local(file)
      await requireKept(file, copy.sha256 === file.sha256 ? copy : await digestsOf(path))
      return path
    },
    remove: async (name) => {
      await cache.drop(name)
      for (let versions = 0; versions < MOST_VERSIONS; versions++) {
        const kept = await askBucket(bucket, { method: 'HEAD', name }, { take: whetherThere, also: [404], patience })
        if (!kept) return
        const version = kept['x-amz-version-id']
        // Of a bucket that keeps versions it would otherwise stay as an older one.
        const query: Record<string, string> = typeof version === 'string' ? { versionId: version } : {}
        await askBucket(bucket, { method: 'DELETE', name, query }, { take: drain, also: [404], patience })
        if (typeof version !== 'string') return
      }
      throw new AppError('unavailable', {
        detail: `The archive's bucket ${bucket.bucket} keeps ${keyOf(bucket, name)}.`,
      })
    },
  }
}

/** What the bucket does not have any more, or has changed, will not come back by waiting. */
async function damagedWhereLost<T>(asking: Promise<T>): Promise<T> {
  return asking.catch((error: unknown) => {
    if (!isAppError(error) || !(error.cause instanceof S3Failure) || !error.cause.isLost) throw error
    const { code, detail, cause } = error
    throw new AppError(code, { detail, retryAfter: 60, cause: new ColdFileProblem('damaged', null, { cause }) })
  })
}

async function drain(answer: IncomingMessage): Promise<IncomingHttpHeaders> {
  for await (const _ of bytesOf(answer));
  return answer.headers
}

async function whetherThere(answer: IncomingMessage): Promise<IncomingHttpHeaders | null> {
  await drain(answer)
  return answer.statusCode === 404 ? null : answer.headers
}

async function digestsOf(path: string): Promise<Digests> {
  const [sha256, md5] = [createHash('sha256'), createHash('md5')]
  let bytes = 0
  for await (const chunk of createReadStream(path, { highWaterMark: 1_048_576 })) {
    sha256.update(chunk)
    md5.update(chunk)
    bytes += chunk.length
  }
  return { bytes, sha256: sha256.digest('hex'), md5: md5.digest() }
}

/** Whether the bucket says of what it keeps that it is the same. */
function isKnownSame(headers: IncomingHttpHeaders, { bytes, md5 }: Digests): boolean {
  const [, tag] = /^"?([0-9a-f]{32})"?$/i.exec(headers.etag ?? '') ?? []
  return Number(headers['content-length']) === bytes && tag?.toLowerCase() === md5.toString('hex')
}

/** Writes an object to a file, or only looks at it, and checks that it is the file that was put. */
async function receive(answer: IncomingMessage, file: ArchivedFile, path: string | null): Promise<void> {
  const hash = createHash('sha256')
  let bytes = 0
  const handle = path === null ? null : await open(path, 'w', 0o600)
  try {
    for await (const chunk of bytesOf(answer)) {
      bytes += chunk.length
      if (bytes > file.bytes) break
      hash.update(chunk)
      await handle?.writeFile(chunk)
    }
  } finally {
    await handle?.close()
  }
  if (bytes !== file.bytes || hash.digest('hex') !== file.sha256)
    throw new S3Failure('it is not the file that was put there', { isPassing: false, isLost: true })
}

function requireSame(bucket: ArchiveBucket, file: ArchivedFile, { bytes, sha256 }: Digests): void {
  if (bytes === file.bytes && sha256 === file.sha256) return
  throw new AppError('unavailable', {
    detail: `${keyOf(bucket, file.name)} was not sent to the archive's bucket ${bucket.bucket}: it is not the file that was made.`,
  })
}
