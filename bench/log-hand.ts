import type pg from 'pg'
import type { Shape } from './log-shapes.ts'

/**
 * The log as somebody would lay it out who knew every question before: a column and an index for each. Not sorted (fifty million
 * rows would be sorted on disk) and not logged; read, parsed and indexed by several processes of the database. Takes about 1,400
 * bytes an event. `each` is called after every step.
 */
export async function layOutByHand(client: pg.Client, tenantId: string, each = (_step: string) => {}): Promise<void> {
  for (const [name, value] of Object.entries(WHILE_BUILDING)) await client.query(`SET ${name} = '${value}'`)
  await client.query('DROP TABLE IF EXISTS hand')
  await client.query(`CREATE UNLOGGED TABLE hand AS
    SELECT index, (j->>'occurredAt')::timestamptz AS occurred_at, j->>'action' AS action, j->>'outcome' AS outcome,
           (j->'actor'->>'id')::uuid AS actor_id, j->'actor'->>'kind' AS actor_kind, (j->'device'->>'id')::uuid AS device_id,
           j->'target'->>'id' AS target_id, j->>'source' AS source,
           ARRAY(SELECT json_array_elements_text(coalesce(j->'labels', '[]'))) AS labels, (p->>'address')::inet AS address,
           regexp_split_to_array(lower(concat_ws(' ', p->>'actorName', p->>'deviceName', p->>'targetName', p->>'words',
             CASE WHEN p->>'targetName' LIKE '合并%' THEN '合并' END)), '[^[:alnum:]]+') AS words, entry, personal
      FROM (SELECT index, entry::json AS j, personal::json AS p, entry, personal FROM audit_entry WHERE tenant_id = '${tenantId}') e`)
  each('table')
  for (const index of INDEXES) {
    await client.query(`CREATE ${index === '(index)' ? 'UNIQUE ' : ''}INDEX ON hand ${index}`)
    each(index)
  }
  await client.query('VACUUM ANALYZE hand')
  for (const name of Object.keys(WHILE_BUILDING)) await client.query(`RESET ${name}`)
}

const WHILE_BUILDING = {
  maintenance_work_mem: '1GB',
  max_parallel_maintenance_workers: '4',
  max_parallel_workers_per_gather: '4',
}

const INDEXES = [
  '(index)',
  ...['action', 'outcome', 'actor_id', 'device_id', 'target_id', 'address'].map((column) => `(${column}, index DESC)`),
  '(target_id, action, index DESC)',
  '(occurred_at)',
  '(action, occurred_at)',
  'USING gin (labels)',
  'USING gin (words)',
]

const LIMIT = 50

/** The same page in three ways; who writes by hand takes the best: the planner's, the index first, or the walk first. */
function statementsOf({ where, days }: Shape): string[] {
  const range = days
    ? ` AND occurred_at >= now() - interval '${2 * days} days' AND occurred_at < now() - interval '${days} days'`
    : ''
  return [
    `SELECT index, entry, personal FROM hand WHERE ${where}${range} ORDER BY index DESC LIMIT ${LIMIT}`,
    `WITH c AS MATERIALIZED (SELECT index FROM hand WHERE ${where}${range}), page AS (SELECT index FROM c ORDER BY index DESC LIMIT ${LIMIT})
     SELECT h.index, h.entry, h.personal FROM page JOIN hand h USING (index) ORDER BY h.index DESC`,
  ]
}

/**
 * The 95th percentile of the best statement, in milliseconds. One that needs more than two seconds, or three times as long as
 * another, is not the best.
 */
export async function timeByHand(client: pg.Client, shape: Shape, calls: number): Promise<number> {
  const queries = statementsOf(shape).map((text, n) => ({ name: `${shape.name}.${n}`, text }))
  await client.query(`SET statement_timeout = '2s'`)
  try {
    const warmed: { query: pg.QueryConfig; ms: number }[] = []
    for (const query of queries) warmed.push({ query, ms: await leastOf(client, query) })
    const least = Math.min(...warmed.map(({ ms }) => ms))
    const times: number[] = []
    for (const { query, ms } of warmed) {
      if (ms > 3 * least + 1) continue
      const taken: number[] = []
      for (let call = 0; call < calls; call++) taken.push(await timeOf(client, query))
      times.push(percentile(taken, 0.95))
    }
    return Math.min(...times)
  } finally {
    await client.query('SET statement_timeout = 0')
  }
}

/** Of three calls, which warm it up; infinity where it was given up. */
async function leastOf(client: pg.Client, query: pg.QueryConfig): Promise<number> {
  try {
    const taken: number[] = []
    for (let warm = 0; warm < 3; warm++) taken.push(await timeOf(client, query))
    return Math.min(...taken)
  } catch (error) {
    if ((error as { code?: string }).code !== '57014') throw error
    return Number.POSITIVE_INFINITY
  }
}

async function timeOf(client: pg.Client, query: pg.QueryConfig): Promise<number> {
  const startedMs = performance.now()
  await client.query(query)
  return performance.now() - startedMs
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? 0
}
