import 'server-only'
import { type BrakeTarget, defineIrreversible, fingerprint } from '#server/kernel/brake.ts'
import type { Sql } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { destroyContent } from './chunks.ts'
import { readFileView } from './rows.ts'
import { deleteFileInput, type FileView, fileCan } from './schema.ts'

/**
 * Asks for a file to be deleted for ever. From the request on nobody is handed it; taken back, it is there again; carried out,
 * its key and ciphertext are destroyed. The row stays, for the log's sake.
 * @throws AppError not_found · invalid · conflict unless it is published · step_up_required
 */
export const deleteFile = defineIrreversible({
  name: 'file.delete',
  actions: {
    request: 'file.delete.request',
    hold: 'file.delete.hold',
    release: 'file.delete.release',
    approve: 'file.delete.approve',
    cancel: 'file.delete.cancel',
    carryOut: 'file.delete',
    expire: 'file.delete.expire',
  },
  permission: 'content:write',
  budget: 'delete-file',
  input: deleteFileInput,
  target: async ({ sql, tenantId, input }): Promise<BrakeTarget> => {
    const file = await readFileView({ sql, tenantId }, input.fileId)
    if (file.status === 'deleted')
      throw new AppError('conflict', { detail: 'This file is deleted already.', extra: { reason: 'deleted' } })
    const { id, name, sizeBytes } = file
    return { type: 'file', id, name, units: 1, fingerprint: fingerprint({ id, name, size: String(sizeBytes) }) }
  },
  requested: async ({ sql, tenantId, input }, request, target) => {
    const file = await move(sql, tenantId, { fileId: input.fileId, from: 'published', to: 'deleting' })
    const detail = { mediaType: file.mediaType, sizeBytes: String(file.sizeBytes), state: request.state }
    const entry = {
      action: 'file.delete.request' as const,
      outcome: 'pending' as const,
      target: { type: target.type, id: target.id, name: target.name },
    }
    return {
      result: { requestId: request.id, state: request.state, notBefore: request.notBefore, file },
      audit: [{ ...entry, labels: file.labels, reason: request.reason, correlationId: request.id, detail }],
    }
  },
  moved: async ({ sql, tenantId, input }, request) => {
    const isOver = request.state === 'cancelled' || request.state === 'expired' || request.state === 'failed'
    if (isOver) await move(sql, tenantId, { fileId: input.fileId, from: 'deleting', to: 'published' })
    return { notify: ['file'] }
  },
  carryOut: async ({ sql, tenantId, input, now }, request) => {
    const file = await move(sql, tenantId, { fileId: input.fileId, from: 'deleting', to: 'deleted' })
    await sql('UPDATE file SET deleted_at = $3::text::timestamptz WHERE tenant_id = $1::uuid AND id = $2::uuid', [
      tenantId,
      file.id,
      now.toISOString(),
    ])
    await destroyContent(sql, { tenantId, fileId: file.id })
    const detail = { requester: request.requester.name, sizeBytes: String(file.sizeBytes), keyDestroyed: 'true' }
    const target = { type: 'file', id: file.id, name: file.name }
    return {
      audit: [
        {
          action: 'file.delete',
          target,
          labels: file.labels,
          reason: request.reason,
          correlationId: request.id,
          detail,
        },
      ],
    }
  },
})

type Move = { fileId: string; from: FileView['status']; to: FileView['status'] }

/** A conditional update: of two who move a file, one does. @throws AppError conflict */
async function move(sql: Sql, tenantId: string, { fileId, from, to }: Move): Promise<FileView> {
  const moved = await sql(
    'UPDATE file SET status = $4::text WHERE tenant_id = $1::uuid AND id = $2::uuid AND status = $3::text RETURNING 1',
    [tenantId, fileId, from, to],
  )
  const file = await readFileView({ sql, tenantId }, fileId)
  if (moved.length === 1) return file
  throw new AppError('conflict', { detail: `This file is ${file.status}.`, extra: { reason: fileCan.delete(file) } })
}
