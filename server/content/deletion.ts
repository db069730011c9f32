import 'server-only'
import { defineIrreversible, fingerprint } from '#server/kernel/brake.ts'
import type { BrakeTarget } from '#server/kernel/brake-request.ts'
import type { Sql } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { destroyFileKey, removeUnusedChunks } from './chunks.ts'
import { recordDestroyedJob } from './destroyed.ts'
import { destroyUnusedRendition } from './renditions.ts'
import { readFileView } from './rows.ts'
import { deleteFileInput, type FileView, fileCan } from './schema.ts'

/**
 * Asks for a file to be deleted for ever. From the request on nobody is handed it, nor what was derived from it; taken back, all
 * of it is there again; carried out, every key of it and the ciphertext are destroyed. A derived file alone loses its own key; the
 * ciphertext goes with the last one. The rows stay, for the log's sake.
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
    await withdrawDerived(sql, tenantId, file.id)
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
    if (isOver) await restore(sql, tenantId, input.fileId)
    return { notify: ['file'] }
  },
  carryOut: async ({ sql, tenantId, input, now }, request) => {
    const file = await move(sql, tenantId, { fileId: input.fileId, from: 'deleting', to: 'deleted' })
    const derived = await deleteDerived(sql, tenantId, file.id)
    for (const { id } of [file, ...derived]) await erase(sql, tenantId, id, now)
    await removeUnusedChunks(sql, { tenantId, contentId: file.contentId })
    await destroyUnusedRendition(sql, { tenantId, contentId: file.contentId })
    const entry = (one: Deleted, more: Record<string, string>) => ({
      action: 'file.delete' as const,
      target: { type: 'file', id: one.id, name: one.name },
      labels: one.labels,
      reason: request.reason,
      correlationId: request.id,
      detail: { requester: request.requester.name, sizeBytes: String(file.sizeBytes), keyDestroyed: 'true', ...more },
    })
    const withIt: Record<string, string> = derived.length > 0 ? { derived: String(derived.length) } : {}
    return {
      audit: [entry(file, withIt), ...derived.map((one) => entry(one, { derivedFrom: file.id }))],
      jobs: [
        recordDestroyedJob(
          tenantId,
          [file, ...derived].map(({ id }) => id),
        ),
      ],
    }
  },
})

type Deleted = Pick<FileView, 'id' | 'name' | 'labels'>

/** Copies of a file that is about to go are handed out no more. `move` holds the root's row: nothing is derived meanwhile. */
async function withdrawDerived(sql: Sql, tenantId: string, rootId: string): Promise<void> {
  await sql(
    `UPDATE file SET status = 'deleting' WHERE tenant_id = $1::uuid AND root_id = $2::uuid AND id <> root_id AND status = 'published'`,
    [tenantId, rootId],
  )
}

/**
 * What nobody wants deleted any more is there again: the file unless its root is going, and with a root its copies, but those
 * whose own deletion is still asked for. What went with its root meanwhile stays gone.
 */
async function restore(sql: Sql, tenantId: string, fileId: string): Promise<void> {
  // The root's row, as everything about a lineage holds it: a deletion of the root at this moment is seen or waits.
  await sql(
    `SELECT 1 FROM file r WHERE r.tenant_id = $1::uuid
        AND r.id = (SELECT f.root_id FROM file f WHERE f.tenant_id = $1::uuid AND f.id = $2::uuid) FOR UPDATE`,
    [tenantId, fileId],
  )
  await sql(
    `UPDATE file f SET status = 'published' FROM file r
      WHERE f.tenant_id = $1::uuid AND f.status = 'deleting' AND r.tenant_id = f.tenant_id AND r.id = f.root_id
        AND (f.id = $2::uuid AND (f.id = f.root_id OR r.status = 'published')
          OR f.root_id = $2::uuid AND f.id <> f.root_id AND NOT EXISTS (
            SELECT 1 FROM brake_request b WHERE b.tenant_id = f.tenant_id AND b.command = 'file.delete' AND b.target_id = f.id
               AND b.state IN ('held', 'awaiting_approval', 'delayed')))`,
    [tenantId, fileId],
  )
}

async function deleteDerived(sql: Sql, tenantId: string, rootId: string): Promise<Deleted[]> {
  return sql<Deleted>(
    `UPDATE file SET status = 'deleted' WHERE tenant_id = $1::uuid AND root_id = $2::uuid AND id <> root_id AND status <> 'deleted'
     RETURNING id::text, name, labels`,
    [tenantId, rootId],
  )
}

async function erase(sql: Sql, tenantId: string, fileId: string, at: Date): Promise<void> {
  await sql('UPDATE file SET deleted_at = $3::text::timestamptz WHERE tenant_id = $1::uuid AND id = $2::uuid', [
    tenantId,
    fileId,
    at.toISOString(),
  ])
  await destroyFileKey(sql, tenantId, fileId)
}

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
