import 'server-only'
import { uuidv7 } from '#lib/uuid.ts'
import { type CommandContext, defineCommand } from '#server/kernel/command.ts'
import { AppError } from '#server/kernel/errors.ts'
import { sha256 } from '#server/kernel/keys.ts'
import { addToAudience, audienceText, resolveAudience } from './audience.ts'
import { fileKeyPlace, makeContentKey, writeChunks } from './chunks.ts'
import { readFileView } from './rows.ts'
import { type FileView, fileCan, publishFileInput, updateAudienceInput } from './schema.ts'

export { createRelease } from './create-release.ts'
export { deleteFile } from './deletion.ts'
export { forwardFile } from './forward.ts'
export { type ReleasedFile, releaseFile } from './release.ts'

/**
 * Publishes a file for its audience. The content is written encrypted, with its entry, or not at all.
 * @throws AppError invalid, naming the field
 */
export const publishFile = defineCommand({
  action: 'file.publish',
  permission: 'content:write',
  risk: 'reversible',
  input: publishFileInput,
  execute: async (context) => {
    const { tx, sql, tenantId, actor, input, now } = context
    const { name, mediaType, labels, content } = input
    const audience = await resolveAudience(context, input.audience)
    const id = uuidv7(now.getTime())
    const digest = sha256(content)
    const { key, wrapped } = makeContentKey(await context.vault(), fileKeyPlace(id))
    const publishedBy = actor.kind === 'person' ? actor.personId : null
    await tx.file.create({
      data: {
        tenantId,
        id,
        name,
        mediaType,
        labels,
        publishedBy,
        sizeBytes: BigInt(content.length),
        sha256: new Uint8Array(digest),
        everyone: audience.everyone,
        fileKey: wrapped,
        contentId: id,
        rootId: id,
        status: 'published',
        createdAt: now,
      },
      select: { id: true },
    })
    await writeChunks(tx, { tenantId, contentId: id }, key, content)
    if (!audience.everyone) await addToAudience(sql, tenantId, id, audience.people)
    const detail = {
      mediaType,
      sizeBytes: String(content.length),
      sha256: digest.toString('hex'),
      audience: audienceText(audience),
    }
    return {
      result: await readFileView(context, id),
      audit: { action: 'file.publish', target: { type: 'file', id, name }, labels, detail },
    }
  },
})

/**
 * Says anew who may have a file. Who is taken out gets it no more; a copy in a device's vault stays until that device is blocked
 * or erased. @throws AppError not_found · invalid · conflict unless the file is published
 */
export const updateFileAudience = defineCommand({
  action: 'file.update',
  permission: 'content:write',
  risk: 'reversible',
  input: updateAudienceInput,
  target: ({ fileId }) => ({ type: 'file', id: fileId }),
  execute: async (context) => {
    const { tx, sql, tenantId, input } = context
    const before = await lockPublished(context, input.fileId)
    const audience = await resolveAudience(context, input.audience)
    const had = await sql<{ name: string }>(
      `SELECT p.name FROM file_audience a JOIN person p ON p.tenant_id = a.tenant_id AND p.id = a.person_id
        WHERE a.tenant_id = $1::uuid AND a.file_id = $2::uuid ORDER BY p.id`,
      [tenantId, before.id],
    )
    await tx.file.updateMany({ where: { tenantId, id: before.id }, data: { everyone: audience.everyone } })
    await tx.fileAudience.deleteMany({ where: { tenantId, fileId: before.id } })
    if (!audience.everyone) await addToAudience(sql, tenantId, before.id, audience.people)
    const change = {
      before: audienceText({ everyone: before.audience.everyone, people: had }),
      after: audienceText(audience),
    }
    const target = { type: 'file', id: before.id, name: before.name }
    return {
      result: await readFileView(context, before.id),
      audit: { action: 'file.update', target, labels: before.labels, detail: { audience: change } },
    }
  },
})

async function lockPublished(context: CommandContext<unknown>, fileId: string): Promise<FileView> {
  await context.sql('SELECT 1 FROM file WHERE tenant_id = $1::uuid AND id = $2::uuid FOR UPDATE', [
    context.tenantId,
    fileId,
  ])
  const file = await readFileView(context, fileId)
  const can = fileCan.updateAudience(file)
  if (can !== true) throw new AppError('conflict', { detail: 'This file is being deleted.', extra: { reason: can } })
  return file
}
