import 'server-only'
import type { Sql } from '#server/kernel/db.ts'
import { defineQuery } from '#server/kernel/query.ts'
import type { ContentPlace } from './chunks.ts'
import type { RenditionKind, RenditionRefusal } from './render/verdict.ts'
import { readFileView } from './rows.ts'
import { fileInput } from './schema.ts'

/** Whether and how a file can be shown. `pending`: nobody has looked at it yet. */
export type RenditionView = {
  state: 'pending' | 'ready' | 'refused'
  /** `none`: it can only be downloaded. */
  kind: RenditionKind
  /** Why it was refused. */
  reason: RenditionRefusal | null
  pages: number | null
  /** Of what is shown in the file's place; null where the original is, or nothing can be. */
  sizeBytes: number | null
  inspectedAt: Date | null
}

type Row = Omit<RenditionView, 'sizeBytes'> & { sizeBytes: string | null }

const PENDING: RenditionView = {
  state: 'pending',
  kind: 'none',
  reason: null,
  pages: null,
  sizeBytes: null,
  inspectedAt: null,
}

/** What the inspection made of a file, or of the file it was derived from. @throws AppError not_found */
export const getRendition = defineQuery({
  name: 'file.rendition',
  permission: 'content:read',
  input: fileInput,
  run: async ({ sql, tenantId, input }): Promise<RenditionView> => {
    const { contentId } = await readFileView({ sql, tenantId }, input.fileId)
    const [row] = await sql<Row>(
      `SELECT state, kind, reason, pages, size_bytes::text AS "sizeBytes", updated_at AS "inspectedAt"
         FROM file_rendition WHERE tenant_id = $1::uuid AND content_id = $2::uuid AND state <> 'pending'`,
      [tenantId, contentId],
    )
    if (!row) return PENDING
    return { ...row, sizeBytes: row.sizeBytes === null ? null : Number(row.sizeBytes) }
  },
})

/** Destroys the key of what was made of a content, and its chunks, when no file has a key to that content any more. */
export async function destroyUnusedRendition(sql: Sql, { tenantId, contentId }: ContentPlace): Promise<void> {
  const [gone] = await sql<{ id: string | null }>(
    `UPDATE file_rendition r SET file_key = NULL WHERE r.tenant_id = $1::uuid AND r.content_id = $2::uuid
        AND NOT EXISTS (SELECT 1 FROM file f WHERE f.tenant_id = $1::uuid AND f.content_id = $2::uuid AND f.file_key IS NOT NULL)
     RETURNING rendition_content_id::text AS id`,
    [tenantId, contentId],
  )
  if (gone?.id) await removeChunks(sql, { tenantId, contentId: gone.id })
}

export async function removeChunks(sql: Sql, { tenantId, contentId }: ContentPlace): Promise<void> {
  await sql('DELETE FROM file_chunk WHERE tenant_id = $1::uuid AND content_id = $2::uuid', [tenantId, contentId])
}
