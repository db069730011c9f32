import 'server-only'
import { utf8Encode } from '#lib/bytes.ts'
import { purgedBy } from '#protocol/audit/purge-certificate.ts'
import { type LogBatch, type LogVerdict, verifyLog } from '#protocol/audit/verify.ts'
import type { Problem } from '#protocol/audit/verify-differences.ts'
import type { KnownCheckpoint } from '#protocol/audit/verify-known.ts'
import { now } from '#server/kernel/clock.ts'
import { pgTransaction } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { openCold } from './archive/cold-log.ts'
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
  const head = await pgTransaction('reader', tenantId, (_client, sql) => readHead(sql, tenantId))
  const known = [...(await publishedOf(tenantId, head)), ...(await storedOf(tenantId))]
  const newest = known.toSorted((a, b) => b.size - a.size)[0]
  if (newest === undefined)
    throw new AppError('conflict', {
      detail: 'Nothing was signed yet. A checkpoint follows within ten seconds of the first event.',
    })
  const signer = await readSigner(tenantId, head.epoch)
  if (!signer)
    return failed(0, { code: 'checkpoint_invalid', reason: 'the key that signed the checkpoints is missing' })
  const [lost] = await damagedFiles(tenantId, watch)
  if (lost) return failed(newest.size, lost)
  const certificates = await pgTransaction('reader', tenantId, (_client, sql) => validCertificates(sql, tenantId, head))
  const verdict = await verifyLog({
    mayBeMissing: purgedBy(certificates),
    checkpoint: newest.note,
    vkey: signer.vkey,
    entries: storedEntries(tenantId, head.size, watch),
    size: head.size,
    known,
    memory: readVerifiedState(tenantId, head.epoch) ?? undefined,
    rememberAt: newest.size <= MOST_REMEMBERED ? now() : undefined,
    readTile: (level, index, width) =>
      pgTransaction('reader', tenantId, async (_client, sql) => tileReader(sql, tenantId, head)(level, index, width)),
  })
  if (verdict.ok && verdict.memory) writeVerifiedState(tenantId, head.epoch, verdict.memory)
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

/** All entries in order, also such as the head does not count. Between two batches the event loop is free. */
async function* storedEntries(
  tenantId: string,
  size: number,
  { signal, onProgress }: VerifyWatch,
): AsyncGenerator<LogBatch> {
  let next = 0
  for await (const rows of storedRows(tenantId)) {
    signal?.throwIfAborted()
    await onProgress?.({ phase: 'entries', checked: Math.min(next, size), size })
    let batch: { first: number; items: LogBatch['items'][number][] } = { first: next, items: [] }
    for (const { index, text, personal } of rows) {
      if (index !== batch.first + batch.items.length) {
        yield batch
        batch = { first: index, items: [] }
      }
      batch.items.push({ bytes: utf8Encode(text), personal: personal ?? undefined })
    }
    yield batch
    next = batch.first + batch.items.length
  }
}

/** What the archive has and then what the tables have, some at a time. */
async function* storedRows(tenantId: string): AsyncGenerator<readonly StoredEntry[]> {
  const cold = await pgTransaction('reader', tenantId, (_client, sql) => openCold(sql, tenantId))
  if (cold) yield* cold.all()
  for (let next = cold?.to ?? 0; ; ) {
    const rows = await pgTransaction('reader', tenantId, (_client, sql) =>
      readStored(sql, tenantId, { from: next, to: Number.MAX_SAFE_INTEGER, limit: BATCH }),
    )
    yield rows
    const last = rows.at(-1)
    if (rows.length < BATCH || !last) return
    next = last.index + 1
  }
}
