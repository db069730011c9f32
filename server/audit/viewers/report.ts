import 'server-only'
import { createReadStream, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { z } from 'zod'
import { utf8Encode } from '#lib/bytes.ts'
import { uuidv7 } from '#lib/uuid.ts'
import { isTimeZone } from '#lib/zoned-time.ts'
import { parseCheckpoint } from '#protocol/audit/checkpoint.ts'
import { parseNote } from '#protocol/audit/note.ts'
import type { Actor } from '#server/kernel/actor.ts'
import { defineCommand } from '#server/kernel/command.ts'
import { readTransaction } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { parseInput, uuidField } from '#server/kernel/fields.ts'
import { runtime } from '#server/kernel/runtime.ts'
import { prepareAsk } from '../bundle/prepare.ts'
import { AlteredEntryError } from '../bundle/proof.ts'
import { type SealedBundle, sealBundle } from '../bundle/seal-bundle.ts'
import { listCheckpoints, signHead } from '../checkpoints.ts'
import { readSigner } from '../log-key.ts'
import type { Masking } from '../masking/masking.ts'
import type { ReportDocument } from '../report/document.ts'
import { toCandidate } from '../scan.ts'
import { askFields, ENDS_EARLIER, endsLater } from '../schema.ts'
import type { StoredEntry } from '../stored.ts'
import { viewEvent } from '../view.ts'
import { evidenceOf } from './evidence.ts'
import { reportCsv } from './report-csv.ts'
import type { ReportFacts } from './schema.ts'
import { type Answered, answerWhoSaw } from './who-saw.ts'

const reportInput = z
  .strictObject({
    fileId: uuidField(),
    from: askFields.from,
    to: askFields.to,
    timeZone: z.string().max(64).refine(isTimeZone, 'is not a time zone like Europe/Berlin'),
  })
  .refine(endsLater, ENDS_EARLIER)
type ReportInput = z.output<typeof reportInput>

/** Puts the facts into the words of the reader's language. */
export type WriteReport = (facts: ReportFacts) => ReportDocument

/** A finished report: its bytes once, and what to call the file. */
export type SealedReport = { name: string; sizeBytes: number; content: ReadableStream<Uint8Array> }

/** Opening a report is an export: written down before anything is read for it, with the reason under which names are shown. */
const recordReport = defineCommand({
  action: 'audit.export',
  name: 'audit.export.who_saw',
  permission: 'audit:export',
  risk: 'none',
  input: reportInput,
  target: ({ fileId }) => ({ type: 'file', id: fileId }),
  execute: async ({ tx, sql, actor, tenantId, input: { fileId, from, to, timeZone } }) => {
    const file = await tx.file.findFirst({ where: { tenantId, id: fileId }, select: { name: true, rootId: true } })
    if (!file) throw new AppError('not_found', { detail: 'There is no such file.' })
    const { masked, unmasking } = await prepareAsk(sql, actor, { q: '' })
    return {
      result: null,
      audit: {
        action: 'audit.export',
        target: { type: 'file', id: fileId, name: file.name },
        ...(file.rootId === fileId ? {} : { correlationId: file.rootId }),
        ...(unmasking && { reason: unmasking.reason }),
        detail: {
          report: 'who saw it',
          format: 'pdf, csv',
          timeZone,
          ...(from && { from }),
          ...(to && { to }),
          ...(masked ? { masked: 'true' } : { names: 'true' }),
        },
      },
    }
  },
})

/** Making one takes a processor for seconds. An organisation has one at a time: none can keep the others from theirs. */
const AT_ONCE = 2
const making = new Set<string>()

/**
 * "Who saw it" as a sealed bundle: PDF, CSV and the events that they rest on. Audit: `audit.export`, and `audit.search` as for the
 * page. @throws AppError forbidden · not_found · invalid · unavailable · conflict where an entry was altered in the database
 */
export async function sealWhoSaw(
  actor: Actor,
  raw: z.input<typeof reportInput>,
  write: WriteReport,
): Promise<SealedReport> {
  const input = parseInput(reportInput, raw)
  await recordReport(actor, input)
  if (making.has(actor.tenantId) || making.size >= AT_ONCE) {
    throw new AppError('unavailable', { detail: 'Other reports are being made.', retryAfter: 10 })
  }
  making.add(actor.tenantId)
  try {
    return await seal(actor, input, write)
  } catch (error) {
    if (!(error instanceof AlteredEntryError)) throw error
    const detail = `Entry ${error.index} of the log is not the one that was recorded: see the Trust page.`
    throw new AppError('conflict', { detail, cause: error })
  } finally {
    making.delete(actor.tenantId)
  }
}

async function seal(actor: Actor, input: ReportInput, write: WriteReport): Promise<SealedReport> {
  const { tenantId } = actor
  const answered = await answerWhoSaw(actor, input, Number.POSITIVE_INFINITY)
  const { answer, family, masking } = answered
  const { isMasked } = masking
  const facts = { answer, isMasked, ...(await signedLog(tenantId, answer.asOf.size)), timeZone: input.timeZone }
  const { from, to, timeZone } = input
  // Heavy, and wanted by nobody else who comes through this door.
  const { renderPdf } = await import('../report/render-pdf.ts')
  const files = [
    { name: 'who-saw.pdf', content: new Uint8Array(await renderPdf(write(facts))) },
    { name: 'who-saw.csv', content: utf8Encode(reportCsv(answer, timeZone)) },
  ]
  const events = noting(evidenceOf(tenantId, family, { from, to, asOf: answer.asOf.size }), masking)
  const about = { q: answer.q, ...(from && { from }), ...(to && { to }), timeZone }
  const bundle = await sealBundle(
    tenantId,
    { kind: 'report', about, files, events, masked: isMasked },
    join(workFolder(), `${uuidv7()}.zip`),
  )
  // What the events name beside the answer: recipients, audiences.
  await masking.settle()
  return handOver(bundle, answered)
}

/** The same events; whose names stand in them is kept for `settle` where they are shown under a reason. */
async function* noting(batches: AsyncIterable<StoredEntry[]>, masking: Masking): AsyncGenerator<StoredEntry[], void> {
  for await (const batch of batches) {
    if (masking.unmaskingId !== null) for (const stored of batch) masking.view(viewEvent(toCandidate(stored)))
    yield batch
  }
}

/** The newest checkpoint over the first `size` entries, and the key that signs. */
async function signedLog(tenantId: string, size: number): Promise<Pick<ReportFacts, 'origin' | 'vkey' | 'checkpoint'>> {
  const newest = async () => (await readTransaction(tenantId, ({ sql }) => listCheckpoints(sql, tenantId, 1)))[0]
  let checkpoint = await newest()
  if (!checkpoint || checkpoint.size < size) {
    await signHead(tenantId)
    checkpoint = await newest()
  }
  const signer = await readSigner(tenantId)
  if (!checkpoint || !signer)
    throw new AppError('unavailable', { detail: 'The log cannot be signed: see the Trust page.' })
  const { origin, root } = parseCheckpoint(parseNote(checkpoint.note).text)
  return {
    origin,
    vkey: signer.vkey,
    checkpoint: {
      size: checkpoint.size,
      root: Buffer.from(root).toString('base64'),
      signedAt: checkpoint.signedAt.toISOString(),
    },
  }
}

const LEFT_BEHIND_MS = 3_600_000

/** Holds bundles while they are handed over; what a crash left there is removed by the next one. */
function workFolder(): string {
  const folder = join(runtime().dataDir, 'reports')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const before = Date.now() - LEFT_BEHIND_MS
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    const { mtimeMs = Date.now() } = statSync(path, { throwIfNoEntry: false }) ?? {}
    if (mtimeMs < before) rmSync(path, { recursive: true, force: true })
  }
  return folder
}

function handOver({ path, sizeBytes }: SealedBundle, { answer }: Answered): SealedReport {
  const stream = createReadStream(path)
  // Opened, it can be read although its name is gone: nothing of it stays, however the reading ends.
  stream.once('open', () => rmSync(path, { force: true }))
  const day = answer.asOf.at.slice(0, 10)
  return {
    name: `who-saw-${answer.file.id}-${day}.zip`,
    sizeBytes,
    // Node's own type of the same stream.
    content: Readable.toWeb(stream) as ReadableStream<Uint8Array>,
  }
}
