import 'server-only'
import { z } from 'zod'
import { uuidv7 } from '#lib/uuid.ts'
import { systemActor } from '#server/kernel/actor.ts'
import { type Audited, type CommandContext, defineCommand } from '#server/kernel/command.ts'
import { readTransaction } from '#server/kernel/db.ts'
import { isAppError } from '#server/kernel/errors.ts'
import { uuidField } from '#server/kernel/fields.ts'
import { sha256, tenantVault } from '#server/kernel/keys.ts'
import { topicsOfContent } from './audience.ts'
import {
  type ContentPlace,
  chunkCountOf,
  fileKeyPlace,
  isIntegrityError,
  makeContentKey,
  openContent,
  type StoredContent,
  writeChunks,
} from './chunks.ts'
import { renditionKeyPlace } from './deliverable.ts'
import { alertingDamage } from './integrity.ts'
import { type InspectOptions, inspect } from './render/inspect.ts'
import type { Verdict } from './render/verdict.ts'
import { removeChunks } from './renditions.ts'
import { noFile } from './rows.ts'

const recordInput = z.strictObject({
  contentId: uuidField(),
  // Checked where it came from another process.
  verdict: z.custom<Verdict>((value) => typeof value === 'object' && value !== null && 'state' in value),
  isDamaged: z.boolean().default(false),
})
type Recording = CommandContext<z.output<typeof recordInput>>

/** Keeps what the inspection found; what it found before is replaced. @throws AppError not_found when the content is gone */
const recordInspection = defineCommand({
  action: 'file.inspect',
  permission: 'system',
  risk: 'none',
  input: recordInput,
  target: ({ contentId }) => ({ type: 'file', id: contentId }),
  execute: async (context) => {
    const { sql, tenantId, input } = context
    const { contentId } = input
    // Held until the end: a deletion at this moment waits, and then finds what is written here.
    const [file] = await sql<{ name: string; labels: string[]; isUsed: boolean }>(
      `SELECT f.name, f.labels, EXISTS (SELECT 1 FROM file d WHERE d.tenant_id = f.tenant_id AND d.content_id = f.id AND d.file_key IS NOT NULL) AS "isUsed"
         FROM file f WHERE f.tenant_id = $1::uuid AND f.id = $2::uuid FOR UPDATE`,
      [tenantId, contentId],
    )
    if (!file?.isUsed) throw noFile()
    await replaceRendition(context)
    const target = { type: 'file', id: contentId, name: file.name }
    const audit = { ...entryOf(input), target, labels: file.labels }
    return { result: null, audit, notify: await topicsOfContent(sql, tenantId, contentId) }
  },
})

async function replaceRendition(context: Recording): Promise<void> {
  const { tx, sql, tenantId, now, input } = context
  const { contentId, verdict } = input
  const where = { tenantId_contentId: { tenantId, contentId } }
  const before = await tx.fileRendition.findUnique({ where, select: { renditionContentId: true } })
  if (before?.renditionContentId) await removeChunks(sql, { tenantId, contentId: before.renditionContentId })
  const row = {
    state: verdict.state,
    reason: verdict.state === 'refused' ? verdict.reason : null,
    kind: verdict.state === 'refused' ? 'none' : verdict.kind,
    pages: 'pages' in verdict ? verdict.pages : null,
    updatedAt: now,
    ...(await writeBody(context)),
  }
  await tx.fileRendition.upsert({
    where,
    create: { tenantId, contentId, ...row },
    update: row,
    select: { contentId: true },
  })
}

/** What is shown in the file's place, as a content of its own with a key of its own. A PDF is shown itself. */
async function writeBody({ tx, tenantId, now, vault, input: { contentId, verdict } }: Recording) {
  if (!('body' in verdict)) {
    const mediaType = 'pages' in verdict ? 'application/pdf' : null
    return { mediaType, sizeBytes: null, sha256: null, renditionContentId: null, fileKey: null }
  }
  const { mediaType, body } = verdict
  const renditionContentId = uuidv7(now.getTime())
  const { key, wrapped } = makeContentKey(await vault(), renditionKeyPlace(contentId))
  await writeChunks(tx, { tenantId, contentId: renditionContentId }, key, body)
  const digest = new Uint8Array(sha256(body))
  return { mediaType, sizeBytes: BigInt(body.length), sha256: digest, renditionContentId, fileKey: wrapped }
}

type Detail = { [name: string]: string }

/** `denied`: it was not opened, or not to its end; `failed`: there was nothing to open. */
function entryOf({ verdict, isDamaged }: Recording['input']): Audited {
  const action = 'file.inspect'
  if (verdict.state === 'ready') {
    const detail: Detail = { kind: verdict.kind, ...('pages' in verdict ? { pages: String(verdict.pages) } : {}) }
    return { action, detail }
  }
  const { reason } = verdict
  const outcome = reason === 'malformed' || reason === 'empty' ? 'failed' : 'denied'
  const detail: Detail = { kind: 'none', ...(isDamaged ? { problem: 'content_damaged' } : {}) }
  return { action, outcome, reason, detail }
}

type Waiting = StoredContent & { name: string; mediaType: string }

/** Null when it was inspected, or deleted. */
async function findWaiting({ tenantId, contentId }: ContentPlace): Promise<Waiting | null> {
  return readTransaction(tenantId, async ({ tx }) => {
    const file = await tx.file.findFirst({
      where: { tenantId, id: contentId, contentId },
      select: {
        name: true,
        mediaType: true,
        sizeBytes: true,
        fileKey: true,
        fileRendition: { select: { state: true } },
      },
    })
    if (!file?.fileKey || (file.fileRendition && file.fileRendition.state !== 'pending')) return null
    const { name, mediaType, sizeBytes, fileKey: wrapped } = file
    const keyPlace = fileKeyPlace(contentId)
    return { tenantId, contentId, name, mediaType, sizeBytes: Number(sizeBytes), wrapped, keyPlace }
  })
}

/** Chunk by chunk, each in a transaction of its own: however slowly a file is taken, none stays open for it. */
async function* readContent(stored: Waiting): AsyncGenerator<Buffer> {
  for (let number = 0; number < chunkCountOf(stored.sizeBytes); number++) {
    yield await readTransaction(stored.tenantId, async ({ tx }) => {
      const vault = () => tenantVault(tx, stored.tenantId)
      return (await openContent({ tx, vault }, stored)).read(number)
    })
  }
}

/**
 * Finds out whether a content can be shown, makes what is shown, and logs it (`file.inspect`). Asking again is harmless; killed at
 * any moment, it has done nothing. @throws Error when the file is not to blame: the job is tried again
 */
export async function inspectContent(place: ContentPlace, options?: InspectOptions): Promise<void> {
  const waiting = await findWaiting(place)
  if (!waiting) return
  const found = await judge(waiting, options)
  try {
    await recordInspection(systemActor(place.tenantId, 'inspection'), { contentId: place.contentId, ...found })
  } catch (error) {
    // Deleted meanwhile.
    if (!isAppError(error) || error.code !== 'not_found') throw error
  }
}

async function judge(waiting: Waiting, options?: InspectOptions): Promise<{ verdict: Verdict; isDamaged?: boolean }> {
  const { mediaType, name, sizeBytes } = waiting
  try {
    const verdict = await alertingDamage(waiting, waiting.contentId, () =>
      inspect({ mediaType, name, sizeBytes }, readContent(waiting), options),
    )
    return { verdict }
  } catch (error) {
    if (!isIntegrityError(error)) throw error
    return { verdict: { state: 'refused', reason: 'malformed' }, isDamaged: true }
  }
}
