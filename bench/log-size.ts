import type pg from 'pg'

export type LogSize = {
  events: number
  entryBytes: number
  personalBytes: number
  diskBytes: number
  byTable: Record<string, number>
}

/** What the log takes on disk, indexes and TOAST included, and how much of it the entries and personal values are themselves. */
export async function logSize(client: pg.Client): Promise<LogSize> {
  const { rows: sums } = await client.query<{ n: string; e: string; p: string }>(
    'SELECT count(*) AS n, sum(octet_length(entry)) AS e, sum(octet_length(personal)) AS p FROM audit_entry',
  )
  const { rows } = await client.query<{ name: string; bytes: string }>(
    `SELECT regexp_replace(c.relname, '^(audit_entry|audit_run|audit_block|audit_posting|audit_tile).*$', '\\1') AS name,
            sum(pg_total_relation_size(c.oid))::text AS bytes
       FROM pg_class c WHERE c.relkind = 'r' AND c.relname ~ '^audit_(entry|run|block|posting|tile)' GROUP BY 1 ORDER BY 1`,
  )
  const byTable = Object.fromEntries(rows.map(({ name, bytes }) => [name, Number(bytes)]))
  const [sum] = sums
  return {
    events: Number(sum?.n ?? 0),
    entryBytes: Number(sum?.e ?? 0),
    personalBytes: Number(sum?.p ?? 0),
    diskBytes: Object.values(byTable).reduce((all, bytes) => all + bytes, 0),
    byTable,
  }
}

/** Bytes an event beyond the entry's and the personal object's own. */
export function overhead({ events, entryBytes, personalBytes, diskBytes }: LogSize): number {
  return (diskBytes - entryBytes - personalBytes) / events
}
