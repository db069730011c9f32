import type pg from 'pg'

export type LogSize = {
  events: number
  entryBytes: number
  personalBytes: number
  diskBytes: number
  byTable: Record<string, number>
}

/** So many entries are enough to tell how long they are. */
const SAMPLE = 1_000_000

/** What the log takes on disk, indexes and TOAST included, and how much of it the entries and personal values are themselves. */
export async function logSize(client: pg.Client): Promise<LogSize> {
  const { rows: heads } = await client.query<{ n: string }>('SELECT sum(size) AS n FROM audit_head')
  const events = Number(heads[0]?.n ?? 0)
  const percent = Math.min(100, (100 * SAMPLE) / events)
  const { rows: means } = await client.query<{ e: string; p: string }>(
    `SELECT avg(octet_length(entry)) AS e, avg(coalesce(octet_length(personal), 0)) AS p
       FROM audit_entry TABLESAMPLE SYSTEM (${percent})`,
  )
  const { rows } = await client.query<{ name: string; bytes: string }>(
    `SELECT regexp_replace(c.relname, '^(audit_entry|audit_run|audit_block|audit_posting|audit_tile).*$', '\\1') AS name,
            sum(pg_total_relation_size(c.oid))::text AS bytes
       FROM pg_class c WHERE c.relkind = 'r' AND c.relname ~ '^audit_(entry|run|block|posting|tile)' GROUP BY 1 ORDER BY 1`,
  )
  const byTable = Object.fromEntries(rows.map(({ name, bytes }) => [name, Number(bytes)]))
  const [mean] = means
  return {
    events,
    entryBytes: events * Number(mean?.e ?? 0),
    personalBytes: events * Number(mean?.p ?? 0),
    diskBytes: Object.values(byTable).reduce((all, bytes) => all + bytes, 0),
    byTable,
  }
}

/** Bytes an event beyond the entry's and the personal object's own. */
export function overhead({ events, entryBytes, personalBytes, diskBytes }: LogSize): number {
  return (diskBytes - entryBytes - personalBytes) / events
}
