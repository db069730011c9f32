import 'server-only'
import type pg from 'pg'
import { LEFT_OUT, NOT_OURS } from './left-out.ts'

export type Table = { name: string; columns: string[] }

/** The tables that a backup holds, as the database describes them: what others refer to comes first. */
export async function tablesOf(client: pg.Client): Promise<Table[]> {
  const { rows: tables } = await client.query<Table>(
    `SELECT c.relname AS name, array_agg(a.attname::text ORDER BY a.attnum) AS columns
       FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        AND c.relname <> ALL ($1) GROUP BY c.relname ORDER BY c.relname`,
    [[...LEFT_OUT, ...NOT_OURS]],
  )
  const { rows: references } = await client.query<{ from: string; to: string }>(
    `SELECT DISTINCT f.relname AS "from", t.relname AS "to" FROM pg_constraint k
       JOIN pg_class f ON f.oid = k.conrelid JOIN pg_class t ON t.oid = k.confrelid
      WHERE k.contype = 'f' AND k.connamespace = 'public'::regnamespace AND f.oid <> t.oid`,
  )
  return inLoadOrder(tables, references)
}

function inLoadOrder(tables: readonly Table[], references: readonly { from: string; to: string }[]): Table[] {
  const ordered: Table[] = []
  const placed = new Set<string>()
  let waiting = [...tables]
  while (waiting.length > 0) {
    const isReady = ({ name }: Table) =>
      references.every(({ from, to }) => from !== name || placed.has(to) || !waiting.some((other) => other.name === to))
    const ready = waiting.filter(isReady)
    const [first] = ready
    if (!first) throw new Error(`tables refer to each other in a circle: ${waiting.map(({ name }) => name).join(', ')}`)
    for (const { name } of ready) placed.add(name)
    ordered.push(...ready)
    waiting = waiting.filter((table) => !placed.has(table.name))
  }
  return ordered
}

/** The first days of the months that the log has partitions for. */
export async function monthsOf(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ month: string }>(
    `SELECT DISTINCT to_char(to_date(right(c.relname, 6), 'YYYYMM'), 'YYYY-MM-DD') AS month
       FROM pg_partition_tree('audit_entry') t JOIN pg_class c ON c.oid = t.relid
      WHERE t.isleaf AND c.relname ~ '_[0-9]{6}$' ORDER BY 1`,
  )
  return rows.map(({ month }) => month)
}
