import 'server-only'
import { utf8Encode } from '#lib/bytes.ts'
import { purgedBy } from '#protocol/audit/purge-certificate.ts'
import { type LogBatch, type LogVerdict, verifyLog } from '#protocol/audit/verify.ts'
import type { Problem } from '#protocol/audit/verify-differences.ts'
import type { KnownCheckpoint } from '#protocol/audit/verify-known.ts'
import { now } from '#server/kernel/clock.ts'
import { pgTransaction, type Sql } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { openCold } from './archive/cold-log.ts'
import { readColdTo } from './archive/files.ts'
import { listCheckpoints } from './checkpoints.ts'
import { validCertificates } from './keeping/served.ts'
import { readSigner } from './log-key.ts'
import { allPublished } from './published.ts'
import { readStored, type StoredEntry } from './stored.ts'
import { type Head, readHead, tileReader } from './tree.ts'
import { MOST_REMEMBERED, readVerifiedState, writeVerifiedState } from './verified-state.ts'
import { damagedFiles, verifyArchive } from './verify-archive.ts'
import { verifyIndex } from './verify-index.ts'

const BATCH = 1_024
/** Checkpoints narrow down where a rewritten stretch begins: the newest all count, of the older ones ever fewer. */
const MOST_PUBLISHED = 4_000
const STORED = 200

/** `size` is the newest signed tree. */
export type Checked = { verdict: LogVerdict; size: number }

export type VerifyWatch = {
  /** Throws its reason between two reads. */
  signal?: AbortSignal | undefined
  /** Awaited after each read: of `size` entries so many were compared with the tree, or, after that, with the index. */
  onProgress?: ((progress: { phase: 'entries' | 'index'; checked: number; size: number }) => Promise<void>) | undefined
}

/**
 * Rebuilds the log from its entries, in batches, and compares it with every checkpoint: those in the database and those
 * published outside of it, so that a cut tail, a restored backup and what was signed again with a stolen key show, too; with
 * every tile; and with what was remembered when it last held. @throws AppError conflict when nothing was signed yet
 */
export async function verifyStoredLog(tenantId: string, watch: VerifyWatch = {}): Promise<Checked> {
  const known = [...(await publishedOf(tenantId, await headNow(tenantId))), ...(await storedOf(tenantId))]
  // After them: what was signed is then part of it.
  const head = await headNow(tenantId)
  const newest = known.toSorted((a, b) => b.size - a.size)[0]
  if (newest === undefined)
    throw new AppError('conflict', {
      detail: 'Nothing was signed yet. A checkpoint follows within ten seconds of the first event.',
    })
  const signer = await readSigner(tenantId, head.epoch)
  if (!signer)
    return failed(0, { code: 'checkpoint_invalid', reason: 'the key that signed the checkpoints is missing' })
  const [lost] = await damagedFiles(tenantId, { signal: watch.signal })
  if (lost) return failed(newest.size, lost)
  const purged = new Purged(tenantId, head)
  await purged.read()
  const verdict = await verifyLog({
    mayBeMissing: (index) => purged.has(index),
    checkpoint: newest.note,
    vkey: signer.vkey,
    entries: storedEntries(tenantId, { size: head.size, purged }, watch),
    size: head.size,
    known,
    memory: readVerifiedState(tenantId, head.epoch) ?? undefined,
    rememberAt: newest.size <= MOST_REMEMBERED ? now() : undefined,
    readTile: (level, index, width) =>
      pgTransaction('reader', tenantId, async (_client, sql) => tileReader(sql, tenantId, head)(level, index, width)),
  })
  if (verdict.ok && verdict.memory) writeVerifiedState(tenantId, head.epoch, verdict.memory)
  if (verdict.ok && head.size < newest.size) return failed(newest.size, beyondHead(head.size, newest.size))
  return { verdict: verdict.ok ? await withIndex(tenantId, verdict, head, watch) : verdict, size: newest.size }
}

/** The tree says nothing of what is searched: that is derived from the entries once more, when these are what was signed. */
async function withIndex(
  tenantId: string,
  verdict: LogVerdict,
  head: Head,
  { signal, onProgress }: VerifyWatch,
): Promise<LogVerdict> {
  const onRead = (checked: number) => onProgress?.({ phase: 'index', checked, size: head.size })
  const archived = await verifyArchive(tenantId, head, { signal, onRead })
  const problems = [...archived, ...(await verifyIndex(tenantId, { signal, onRead }))]
  const [first] = problems
  return first ? { ok: false, ...first, problems } : verdict
}

function failed(size: number, problem: Problem): Checked {
  return { verdict: { ok: false, ...problem, problems: [problem] }, size }
}

/** All of it is there, but nobody who asks is told of it. */
function beyondHead(size: number, signed: number): Problem {
  const reason = `the log is said to end before entry ${size}: what was signed beyond is not searched`
  return { code: 'tail_cut', index: size, ...(signed - size > 1 && { until: signed - 1 }), reason }
}

type Sized = KnownCheckpoint & { size: number }

async function publishedOf(tenantId: string, { epoch }: Head): Promise<Sized[]> {
  let known: Sized[] = []
  for await (const { size, note, signedAt } of allPublished(tenantId, epoch)) {
    known.push({ size, note, at: signedAt })
    if (known.length >= 2 * MOST_PUBLISHED) known = known.filter((_, i) => i >= MOST_PUBLISHED || i % 2 === 0)
  }
  return known
}

/** Their times are not used: whoever owns the database could have written them. */
async function storedOf(tenantId: string): Promise<Sized[]> {
  const stored = await pgTransaction('reader', tenantId, (_client, sql) => listCheckpoints(sql, tenantId, STORED))
  return stored.map(({ size, note }) => ({ size, note }))
}

/** What was removed with a certificate; entries expire while we read. */
class Purged {
  readonly #tenantId: string
  readonly #head: Head
  #has: (index: number) => boolean = () => false

  constructor(tenantId: string, head: Head) {
    this.#tenantId = tenantId
    this.#head = head
  }

  async read(): Promise<void> {
    const certificates = await pgTransaction('reader', this.#tenantId, (_client, sql) =>
      validCertificates(sql, this.#tenantId, this.#head),
    )
    this.#has = purgedBy(certificates)
  }

  has(index: number): boolean {
    return this.#has(index)
  }

  /** Those from `from` (included) to `to` (excluded). */
  hasAll(from: number, to: number): boolean {
    for (let index = from; index < to; index++) if (!this.#has(index)) return false
    return true
  }
}

type Reading = { size: number; purged: Purged }

/** All entries in order, also such as the head does not count. Between two batches the event loop is free. */
async function* storedEntries(
  tenantId: string,
  { size, purged }: Reading,
  { signal, onProgress }: VerifyWatch,
): AsyncGenerator<LogBatch> {
  let next = 0
  for await (const rows of storedRows(tenantId, size)) {
    signal?.throwIfAborted()
    await onProgress?.({ phase: 'entries', checked: Math.min(next, size), size })
    let batch: { first: number; items: LogBatch['items'][number][] } = { first: next, items: [] }
    let isRead = false
    for (const { index, text, personal } of rows) {
      const expected: number = batch.first + batch.items.length
      if (index !== expected) {
        // The certificate is as old as the gap, and what is read after these rows knows of all of theirs.
        if (!isRead && !purged.hasAll(expected, index)) {
          await purged.read()
          isRead = true
        }
        yield batch
        batch = { first: index, items: [] }
      }
      batch.items.push({ bytes: utf8Encode(text), personal: personal ?? undefined })
    }
    yield batch
    next = batch.first + batch.items.length
  }
}

/** All that is kept, some at a time: in the archive, where the days that we have not read may go meanwhile, and in the tables. */
async function* storedRows(tenantId: string, size: number): AsyncGenerator<readonly StoredEntry[]> {
  for (let next = 0; ; ) {
    const from = next
    const { cold, rows, counted } = await pgTransaction('reader', tenantId, async (_client, sql) =>
      from < (await readColdTo(sql, tenantId))
        ? { cold: await openCold(sql, tenantId), rows: [], counted: 0 }
        : { cold: null, rows: await readHot(sql, tenantId, from), counted: (await readHead(sql, tenantId)).size },
    )
    if (cold) {
      yield* cold.all(from)
      next = cold.to
      continue
    }
    // What was appended since then is the next verification's; what no head counts is nobody's.
    yield rows.filter(({ index }) => index < size || index >= counted)
    const last = rows.at(-1)
    if (rows.length < BATCH || !last) return
    next = last.index + 1
  }
}

function readHot(sql: Sql, tenantId: string, from: number): Promise<StoredEntry[]> {
  return readStored(sql, tenantId, { from, to: Number.MAX_SAFE_INTEGER, limit: BATCH })
}

function headNow(tenantId: string): Promise<Head> {
  return pgTransaction('reader', tenantId, (_client, sql) => readHead(sql, tenantId))
}
