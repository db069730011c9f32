import 'server-only'
import type { Sql } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import type { FileStatus, FileView } from './schema.ts'

/** Columns of `file f` that make a view, with its publisher `p`. */
export const FILE_COLUMNS = `f.id::text, f.name, f.media_type AS "mediaType", f.size_bytes::text AS "sizeBytes", f.labels, f.status, f.everyone,
  (SELECT count(*)::int FROM file_audience a WHERE a.tenant_id = f.tenant_id AND a.file_id = f.id) AS people,
  p.id::text AS "publisherId", p.name AS "publisherName", f.created_at AS "publishedAt", f.deleted_at AS "deletedAt",
  f.content_id::text AS "contentId", f.root_id::text AS "rootId", f.derived_from::text AS "derivedFrom", f.damaged_at AS "damagedAt"`

export const FILE_TABLES = 'file f LEFT JOIN person p ON p.tenant_id = f.tenant_id AND p.id = f.published_by'

export type FileRow = Pick<
  FileView,
  | 'id'
  | 'name'
  | 'mediaType'
  | 'labels'
  | 'publishedAt'
  | 'deletedAt'
  | 'contentId'
  | 'rootId'
  | 'derivedFrom'
  | 'damagedAt'
> & {
  sizeBytes: string
  status: FileStatus
  everyone: boolean
  people: number
  publisherId: string | null
  publisherName: string | null
}

export function viewFile(row: FileRow): FileView {
  const { id, name, mediaType, labels, status, everyone, publisherId, publisherName, publishedAt, deletedAt } = row
  return {
    id,
    name,
    mediaType,
    sizeBytes: Number(row.sizeBytes),
    labels,
    status,
    audience: { everyone, people: everyone ? 0 : row.people },
    publishedBy: publisherId && publisherName !== null ? { id: publisherId, name: publisherName } : null,
    publishedAt,
    deletedAt,
    contentId: row.contentId,
    rootId: row.rootId,
    derivedFrom: row.derivedFrom,
    damagedAt: row.damagedAt,
  }
}

/** @throws AppError not_found */
export async function readFileView(
  { sql, tenantId }: { sql: Sql; tenantId: string },
  fileId: string,
): Promise<FileView> {
  const [row] = await sql<FileRow>(
    `SELECT ${FILE_COLUMNS} FROM ${FILE_TABLES} WHERE f.tenant_id = $1::uuid AND f.id = $2::uuid`,
    [tenantId, fileId],
  )
  if (!row) throw noFile()
  return viewFile(row)
}

export function noFile(): AppError {
  return new AppError('not_found', { detail: 'There is no such file.' })
}

/** The file `f` may be handed to the person in parameter `person`. */
export function inAudience(person: string): string {
  return `(f.everyone OR EXISTS (SELECT 1 FROM file_audience a WHERE a.tenant_id = f.tenant_id AND a.file_id = f.id AND a.person_id = ${person}))`
}
