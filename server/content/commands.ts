import 'server-only'
import { filesTopics } from '#server/devices/schema.ts'
import { type CommandContext, defineCommand } from '#server/kernel/command.ts'
import { AppError } from '#server/kernel/errors.ts'
import { addToAudience, audienceText, resolveAudience } from './audience.ts'
import { readFileView } from './rows.ts'
import { type FileView, fileCan, updateAudienceInput } from './schema.ts'

export { createRelease } from './create-release.ts'
export { deleteFile } from './deletion.ts'
export { applyDestroyedFiles } from './destroyed.ts'
export { forwardFile } from './forward.ts'
export { publishFile, publishStream } from './publish.ts'
export { type ReleasedFile, releaseFile } from './release.ts'
export { type Appended, appendUpload, createUpload, getUpload, removeUpload } from './uploads.ts'

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
    const had = await sql<{ id: string; name: string }>(
      `SELECT p.id::text, p.name FROM file_audience a JOIN person p ON p.tenant_id = a.tenant_id AND p.id = a.person_id
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
      notify: filesTopics({
        everyone: before.audience.everyone || audience.everyone,
        people: [...had, ...audience.people],
      }),
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
