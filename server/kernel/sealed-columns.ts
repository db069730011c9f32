import type { Sql } from './db.ts'

/** What the place of a value in a job's payload begins with, where that of a column begins with its table. */
export const JOB_TABLE = 'job'

/** A column that holds values sealed under the organisation's data key. */
export type SealedColumn = {
  table: string
  column: string
  /** The rest of its primary key behind tenant_id, all of type uuid. */
  key: string
  /** What its place says where that is not the table, the column and the key: a row that becomes another one keeps its place. */
  placeTable?: string
  /** Rows whose column holds something else. */
  only?: string
  /** More places that a row's value may be sealed for, where the row alone does not say. */
  places?: (sql: Sql, tenantId: string, key: string) => Promise<string[][]>
  /** Rows that may go when their value opens nowhere; the condition says which. */
  disposable?: string
}

/**
 * Every column that holds a value sealed under the organisation's data key, and how a rotation finds its place again. A column that
 * is missing here would be lost with the old key: a test compares this list with every `seal(` and with the database's triggers.
 * In this order: what moves from one table to another moves downwards.
 */
export const SEALED_COLUMNS: readonly SealedColumn[] = [
  { table: 'command', column: 'result', key: 'id' },
  { table: 'tenant_key', column: 'wrapped', key: 'id', only: `purpose = 'command'` },
  {
    table: 'totp_credential',
    column: 'seed',
    key: 'person_id',
    places: seedPlaces,
    // Begun in a session that has ended: nobody can confirm it any more.
    disposable: 'confirmed_at IS NULL',
  },
  { table: 'brake_request', column: 'input', key: 'id' },
  { table: 'vault_share', column: 'device_key', key: 'enrollment_id' },
  { table: 'file_upload', column: 'file_key', key: 'id', placeTable: 'file' },
  { table: 'file', column: 'file_key', key: 'id' },
  { table: 'file_rendition', column: 'file_key', key: 'content_id' },
  { table: 'file_release_grant', column: 'content_key', key: 'id' },
]

/** A sealed value in the payload of a waiting job: `payload.sealed`, in base64, for the person of `payload.personId`. */
export const SEALED_JOBS = [{ task: 'mail.send', column: 'mail' }] as const

/** Until a code confirms it, a seed is sealed for the session that began. */
async function seedPlaces(sql: Sql, tenantId: string, personId: string): Promise<string[][]> {
  const sessions = await sql<{ id: string }>(
    'SELECT id::text FROM session WHERE tenant_id = $1::uuid AND person_id = $2::uuid AND expires_at > now() ORDER BY created_at DESC LIMIT 100',
    [tenantId, personId],
  )
  return [[personId], ...sessions.map(({ id }) => [personId, id])]
}
