import 'server-only'
import { formatTime } from '#lib/time.ts'
import type { Sql } from '#server/kernel/db.ts'
import type { SavedSearch } from './form.ts'

type Row = {
  id: string
  owner_id: string
  owner_name: string
  name: string
  is_shared: boolean
  q: string
  span: string | null
  from_at: Date | string | null
  to_at: Date | string | null
  order_by: 'newest' | 'oldest'
  columns: string[]
  time_zone: string | null
}

/** A view as it is kept. */
export type StoredView = {
  id: string
  name: string
  isShared: boolean
  owner: { id: string; name: string }
  search: SavedSearch
}

type Readers = { tenantId: string; ownId: string | null; withShared: boolean; viewId?: string }

/** The views that a person may see (their own, and the shared ones), by name. Indexes: the unique one of the owner, audit_view_shared. */
export async function readViews(sql: Sql, { tenantId, ownId, withShared, viewId }: Readers): Promise<StoredView[]> {
  const rows = await sql<Row>(
    `SELECT v.id::text, v.owner_id::text, p.name AS owner_name, v.name, v.is_shared, v.q, v.span, v.from_at, v.to_at, v.order_by,
            v.columns, v.time_zone
       FROM audit_view v JOIN person p ON p.tenant_id = v.tenant_id AND p.id = v.owner_id
      WHERE v.tenant_id = $1::uuid AND (v.owner_id = $2::uuid OR ($3::boolean AND v.is_shared)) AND ($4::uuid IS NULL OR v.id = $4::uuid)
      ORDER BY v.name, v.id`,
    [tenantId, ownId, withShared, viewId ?? null],
  )
  return rows.map(toView)
}

function toView(row: Row): StoredView {
  const timeOf = (at: Row['from_at']) => (at === null ? undefined : formatTime(new Date(at)))
  return {
    id: row.id,
    name: row.name,
    isShared: row.is_shared,
    owner: { id: row.owner_id, name: row.owner_name },
    search: {
      q: row.q,
      span: row.span ?? undefined,
      from: timeOf(row.from_at),
      to: timeOf(row.to_at),
      order: row.order_by,
      columns: row.columns,
      timeZone: row.time_zone ?? undefined,
    },
  }
}
