import 'server-only'
import type { Sql } from '#server/kernel/db.ts'
import { defineQuery } from '#server/kernel/query.ts'
import { noFile } from './rows.ts'
import { type FileStatus, fileInput } from './schema.ts'

const SHOWN = 200

type Named = { id: string; name: string }

/** A copy that somebody forwarded. */
export type DerivedFile = Named & {
  status: FileStatus
  /** What it was made of: the root or another copy. */
  derivedFrom: string
  forwardedBy: Named | null
  /** Who may have it. */
  to: Named[]
  at: Date
}

/** A file's family: where it comes from, and every copy that was made of it, oldest first, at most 200; `count` counts all. */
export type Lineage = { root: Named & { status: FileStatus }; items: DerivedFile[]; count: number }

/**
 * The lineage that a file belongs to, asked by the root or by any copy. In the log the root's id finds what was done with all of
 * them: entries about a copy are correlated with the root. Index: file_root. @throws AppError not_found
 */
export const getLineage = defineQuery({
  name: 'file.lineage',
  permission: 'content:read',
  input: fileInput,
  run: async ({ sql, tenantId, input: { fileId } }): Promise<Lineage> => {
    const [root] = await sql<Lineage['root']>(
      `SELECT r.id::text, r.name, r.status FROM file f JOIN file r ON r.tenant_id = f.tenant_id AND r.id = f.root_id
        WHERE f.tenant_id = $1::uuid AND f.id = $2::uuid`,
      [tenantId, fileId],
    )
    if (!root) throw noFile()
    const [counted] = await sql<{ count: number }>(
      'SELECT count(*)::int - 1 AS count FROM file WHERE tenant_id = $1::uuid AND root_id = $2::uuid',
      [tenantId, root.id],
    )
    return { root, items: await readDerived(sql, tenantId, root.id), count: counted?.count ?? 0 }
  },
})

type Row = Omit<DerivedFile, 'forwardedBy' | 'to'> & { byId: string | null; byName: string | null; to: Named[] | null }

async function readDerived(sql: Sql, tenantId: string, rootId: string): Promise<DerivedFile[]> {
  const rows = await sql<Row>(
    `SELECT f.id::text, f.name, f.status, f.derived_from::text AS "derivedFrom", f.created_at AS at, b.id::text AS "byId", b.name AS "byName",
            (SELECT json_agg(json_build_object('id', p.id, 'name', p.name) ORDER BY p.id)
               FROM file_audience a JOIN person p ON p.tenant_id = a.tenant_id AND p.id = a.person_id
              WHERE a.tenant_id = f.tenant_id AND a.file_id = f.id) AS "to"
       FROM file f LEFT JOIN person b ON b.tenant_id = f.tenant_id AND b.id = f.published_by
      WHERE f.tenant_id = $1::uuid AND f.root_id = $2::uuid AND f.id <> f.root_id
      ORDER BY f.created_at, f.id LIMIT ${SHOWN}`,
    [tenantId, rootId],
  )
  return rows.map(({ byId, byName, to, ...row }) => ({
    ...row,
    forwardedBy: byId !== null && byName !== null ? { id: byId, name: byName } : null,
    to: to ?? [],
  }))
}
