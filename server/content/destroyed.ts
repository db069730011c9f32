import 'server-only'
import { z } from 'zod'
import { systemActor } from '#server/kernel/actor.ts'
import { defineCommand } from '#server/kernel/command.ts'
import { readTransaction, type Sql } from '#server/kernel/db.ts'
import { readDestroyed, recordDestroyed, tenantsWithDestroyed } from '#server/kernel/destroyed-list.ts'
import { uuidField } from '#server/kernel/fields.ts'
import { RESTORE } from '#server/kernel/frozen-log.ts'
import type { Job } from '#server/kernel/jobs.ts'
import { removeUnusedChunks } from './chunks.ts'
import { destroyUnusedRendition } from './renditions.ts'

export const RECORD_TASK = 'content.record_destroyed'

const payloadOf = z.object({ tenantId: uuidField(), fileIds: z.array(uuidField()) })

/** Has it written down, outside the database, which files' keys were destroyed: part of the transaction that does it. */
export function recordDestroyedJob(tenantId: string, fileIds: readonly string[]): Job {
  return { task: RECORD_TASK, payload: { tenantId, fileIds } }
}

export function recordDestroyedFiles(payload: unknown): void {
  const { tenantId, fileIds } = payloadOf.parse(payload)
  recordDestroyed('files', tenantId, fileIds)
}

/** Deletes the files again that were deleted and have come back with a backup. At every start and restore, before the gateway listens. */
export async function applyDestroyedFiles(): Promise<number> {
  let destroyed = 0
  for (const tenantId of tenantsWithDestroyed('files')) {
    const ids = readDestroyed('files', tenantId)
    const back = await readTransaction(tenantId, ({ sql }) => filesBack(sql, tenantId, ids))
    if (back.length > 0)
      destroyed += await destroyAgain(systemActor(tenantId, RESTORE), { fileIds: back.map(({ id }) => id) })
  }
  return destroyed
}

type Back = { id: string; name: string; labels: string[]; contentId: string }

function filesBack(sql: Sql, tenantId: string, ids: readonly string[]): Promise<Back[]> {
  return sql<Back>(
    `SELECT id::text, name, labels, content_id::text AS "contentId" FROM file
      WHERE tenant_id = $1::uuid AND id IN (SELECT value::uuid FROM json_array_elements_text($2::text::json))
        AND (file_key IS NOT NULL OR status <> 'deleted')`,
    [tenantId, JSON.stringify(ids)],
  )
}

const destroyAgain = defineCommand({
  action: 'file.delete',
  name: 'file.destroy_again',
  permission: 'system',
  risk: 'none',
  input: z.strictObject({ fileIds: z.array(uuidField()).min(1) }),
  execute: async ({ sql, tenantId, input, now }) => {
    const files = await filesBack(sql, tenantId, input.fileIds)
    await sql(
      `UPDATE file SET status = 'deleted', file_key = NULL, deleted_at = coalesce(deleted_at, $3::text::timestamptz)
        WHERE tenant_id = $1::uuid AND id IN (SELECT value::uuid FROM json_array_elements_text($2::text::json))`,
      [tenantId, JSON.stringify(files.map(({ id }) => id)), now.toISOString()],
    )
    for (const contentId of new Set(files.map((file) => file.contentId))) {
      await removeUnusedChunks(sql, { tenantId, contentId })
      await destroyUnusedRendition(sql, { tenantId, contentId })
    }
    const detail = { keyDestroyed: 'true', restored: 'true' }
    const audit = files.map(({ id, name, labels }) => ({
      action: 'file.delete' as const,
      target: { type: 'file', id, name },
      labels,
      detail,
    }))
    // Another process did it a moment ago: an act without an entry does not exist.
    return { result: files.length, audit: audit.length > 0 ? audit : [{ action: 'file.delete' as const, detail }] }
  },
})
