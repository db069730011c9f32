import 'server-only'
import { keyedHeader } from '#server/kernel/cipher.ts'
import type { CommandContext } from '#server/kernel/command.ts'
import { type Sql, systemTransaction } from '#server/kernel/db.ts'
import type { Job } from '#server/kernel/jobs.ts'
import type { TenantVault } from '#server/kernel/keys.ts'
import { JOB_TABLE, SEALED_COLUMNS, SEALED_JOBS, type SealedColumn } from '#server/kernel/sealed-columns.ts'

/** A value that opens at none of its places. */
export type DamagedValue = { table: string; column: string; key: string }

export type Resealed = { values: number; damaged: DamagedValue[] }

type Context = Pick<CommandContext<unknown>, 'sql' | 'tenantId' | 'vault'>
type Row = { key: string; sealed: string; isDisposable: boolean }

/** Rows of $1's organisation whose value is not under the key with the header $2. */
function elsewhere({ table, column, only = 'true' }: SealedColumn): string {
  return `${table} WHERE tenant_id = $1::uuid AND ${column} IS NOT NULL AND (${only})
      AND substring(${column} FROM 1 FOR 17) <> decode($2::text, 'hex')`
}

/** How many values of the organisation are sealed under another key than this one, those in waiting jobs included. */
export async function countElsewhere(sql: Sql, tenantId: string, keyId: string): Promise<number> {
  return (await countColumnsElsewhere(sql, tenantId, keyId)) + (await sealedJobs(tenantId, keyId)).length
}

export async function countColumnsElsewhere(sql: Sql, tenantId: string, keyId: string): Promise<number> {
  const counts = SEALED_COLUMNS.map((column) => `(SELECT count(*) FROM ${elsewhere(column)})`)
  const [row] = await sql<{ n: number }>(`SELECT (${counts.join(' + ')})::int AS n`, [
    tenantId,
    keyedHeader(keyId).toString('hex'),
  ])
  return row?.n ?? 0
}

/** Seals up to `limit` values anew under the current key, in the caller's transaction; those that do not open are named and left. */
export async function resealBatch(
  context: Context,
  { keyId, limit, known }: { keyId: string; limit: number; known: readonly DamagedValue[] },
): Promise<Resealed> {
  const vault = await context.vault()
  const all: Resealed = { values: 0, damaged: [] }
  for (const column of SEALED_COLUMNS) {
    if (all.values >= limit) break
    const skip = known.filter((one) => one.table === column.table).map(({ key }) => key)
    const { values, damaged } = await resealColumn(context, vault, column, { keyId, limit: limit - all.values, skip })
    all.values += values
    all.damaged.push(...damaged)
  }
  return all
}

type Batch = { keyId: string; limit: number; skip: readonly string[] }

async function resealColumn(
  context: Context,
  vault: TenantVault,
  column: SealedColumn,
  { keyId, limit, skip }: Batch,
): Promise<Resealed> {
  const { sql, tenantId } = context
  const { table, key, disposable = 'false' } = column
  const rows = await sql<Row>(
    `SELECT ${key}::text AS key, encode(${column.column}, 'hex') AS sealed, (${disposable}) AS "isDisposable" FROM ${elsewhere(column)}
        AND NOT (${key}::text = ANY (string_to_array($3::text, ','))) ORDER BY ${key} LIMIT $4::int FOR UPDATE`,
    [tenantId, keyedHeader(keyId).toString('hex'), skip.join(','), limit],
  )
  const fresh: { key: string; sealed: string }[] = []
  const gone: string[] = []
  const damaged: DamagedValue[] = []
  for (const row of rows) {
    const sealed = await resealValue(context, vault, column, row)
    if (sealed) fresh.push({ key: row.key, sealed: sealed.toString('hex') })
    else if (row.isDisposable) gone.push(row.key)
    else damaged.push({ table, column: column.column, key: row.key })
  }
  await store(context, column, fresh)
  await remove(context, column, gone)
  return { values: fresh.length + gone.length, damaged }
}

async function resealValue(
  { sql, tenantId }: Context,
  vault: TenantVault,
  { table, column, placeTable = table, places }: SealedColumn,
  { key, sealed }: Row,
): Promise<Buffer | null> {
  const bytes = Buffer.from(sealed, 'hex')
  const ends = places ? await places(sql, tenantId, key) : [[key]]
  for (const end of ends) {
    const plain = openOrNull(vault, bytes, [placeTable, column, ...end])
    if (plain) return vault.seal(plain, placeTable, column, ...end)
  }
  return null
}

function openOrNull(vault: TenantVault, sealed: Buffer, place: readonly string[]): Buffer | null {
  try {
    return vault.open(sealed, ...place)
  } catch (error) {
    // Our own picture of the keys is old: that says nothing about the value.
    if (error instanceof Error && error.name === 'StaleKeysError') throw error
    return null
  }
}

async function store({ sql, tenantId }: Context, { table, column, key }: SealedColumn, fresh: readonly object[]) {
  if (fresh.length === 0) return
  await sql(
    `UPDATE ${table} t SET ${column} = decode(v.sealed, 'hex') FROM json_to_recordset($2::text::json) AS v(key uuid, sealed text)
      WHERE t.tenant_id = $1::uuid AND t.${key} = v.key`,
    [tenantId, JSON.stringify(fresh)],
  )
}

async function remove({ sql, tenantId }: Context, { table, key }: SealedColumn, gone: readonly string[]) {
  if (gone.length === 0) return
  await sql(
    `DELETE FROM ${table} WHERE tenant_id = $1::uuid AND ${key} IN (SELECT value::uuid FROM json_array_elements_text($2::text::json))`,
    [tenantId, JSON.stringify(gone)],
  )
}

type WaitingJob = {
  task: string
  payload: Job['payload'] & { personId: string; sealed: string }
  runAt: Date
  key: string | null
}

/** Jobs of the organisation that carry a value sealed under another key; asked as the worker's role, whose tables they lie in. */
async function sealedJobs(tenantId: string, keyId: string): Promise<WaitingJob[]> {
  const header = keyedHeader(keyId)
  const jobs = await systemTransaction((sql) =>
    sql<WaitingJob>(
      `SELECT t.identifier AS task, j.payload, j.run_at AS "runAt", j.key FROM graphile_worker._private_jobs j
         JOIN graphile_worker._private_tasks t ON t.id = j.task_id
        WHERE t.identifier = ANY (string_to_array($1::text, ',')) AND j.payload->>'tenantId' = $2::text AND j.attempts < j.max_attempts`,
      [SEALED_JOBS.map(({ task }) => task).join(','), tenantId],
    ),
  )
  return jobs.filter(({ payload }) => !Buffer.from(payload.sealed, 'base64').subarray(0, header.length).equals(header))
}

/** The same jobs with their value under the current key; each replaces the one that waits. One that does not open is left to fail. */
export async function resealJobs({ tenantId, vault }: Context, keyId: string): Promise<Job[]> {
  const opened = await vault()
  return (await sealedJobs(tenantId, keyId)).flatMap(({ task, payload, runAt, key }) => {
    const column = SEALED_JOBS.find((one) => one.task === task)?.column ?? task
    const place = [JOB_TABLE, column, payload.personId]
    const plain = openOrNull(opened, Buffer.from(payload.sealed, 'base64'), place)
    if (!plain || key === null) return []
    return [{ task, payload: { ...payload, sealed: opened.seal(plain, ...place).toString('base64') }, runAt, key }]
  })
}
