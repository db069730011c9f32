import 'server-only'
import { randomBytes } from 'node:crypto'
import { pgTransaction, type Sql, systemTransaction } from './db.ts'
import { type MasterKey, MasterKeyError } from './master-key.ts'
import { type MasterKeys, requireMasterKey } from './master-keys.ts'

/** What the instance's row says about its keys. */
export type InstanceKeys = {
  id: string
  /** New data keys are wrapped under this one; null before anything was. */
  masterId: string | null
  rootSecret: Buffer | null
  rootMasterId: string | null
}

const SELECT = `SELECT id::text, master_id AS "masterId", root_secret AS "rootSecret", root_master_id AS "rootMasterId" FROM instance`

export async function readInstanceKeys(sql: Sql): Promise<InstanceKeys> {
  const [row] = await sql<InstanceKeys>(SELECT)
  if (!row) throw new Error('the database has no instance row')
  return row
}

const rootPlace = (instanceId: string) => ['instance', 'root_secret', instanceId]

/**
 * The secret that the instance's other keys derive from (HKDF): the bytes of the first master key file, or random ones that the
 * master key wrapped. The first process of a new instance makes it; of two, the second takes what the first made.
 * @throws MasterKeyError when the master key at hand is not the one that wrapped this instance's keys
 */
export async function openRootSecret(masterKeys: MasterKeys): Promise<Buffer> {
  const row = await pgTransaction('reader', null, (_, sql) => readInstanceKeys(sql))
  if (row.masterId === null) return openRootSecretOf(masterKeys, await adopt(masterKeys, row))
  return openRootSecretOf(masterKeys, row)
}

/** The same of a row at hand. @throws MasterKeyError */
export async function openRootSecretOf(masterKeys: MasterKeys, row: InstanceKeys): Promise<Buffer> {
  requireMasterKey(masterKeys, row.masterId ?? '')
  if (row.rootSecret && row.rootMasterId !== null)
    return requireMasterKey(masterKeys, row.rootMasterId).unwrap(row.rootSecret, rootPlace(row.id))
  // Only a file's bytes are a root by themselves; `requireMasterKey` has read the files again where needed.
  const file = masterKeys.files().find(({ id }) => id === row.masterId)
  if (!file)
    throw new MasterKeyError(`the keys of this instance derive from the file that ${row.masterId} names: put it back`)
  return file.bytes
}

/** The first start of an instance, or of one from before master keys had ids: writes down which key it goes on with. */
async function adopt(masterKeys: MasterKeys, row: InstanceKeys): Promise<InstanceKeys> {
  const before = await firstDataKey()
  const [file] = masterKeys.files()
  if (before && !file)
    throw new MasterKeyError(
      `the keys of this instance are wrapped under a file: GATEHOUSE_MASTER_KEY_FILE must name it until they are rotated`,
    )
  if (before && file) await requireOpens(file, before)
  const key = before && file ? file : masterKeys.configured()
  const isFile = masterKeys.files().some(({ id }) => id === key.id)
  const root = isFile ? null : await key.wrap(randomBytes(32), rootPlace(row.id))
  return pgTransaction('writer', null, async (_, sql) => {
    await sql(
      `UPDATE instance SET master_id = $1::text, root_secret = decode($2::text, 'hex'), root_master_id = $3::text WHERE master_id IS NULL`,
      [key.id, root?.toString('hex') ?? null, root ? key.id : null],
    )
    return readInstanceKeys(sql)
  })
}

type WrappedKey = { tenantId: string; id: string; wrapped: Buffer }

async function firstDataKey(): Promise<WrappedKey | undefined> {
  const [tenant] = await systemTransaction((sql) =>
    sql<{ id: string }>('SELECT id::text FROM tenant ORDER BY created_at LIMIT 1'),
  )
  if (!tenant) return undefined
  const [key] = await pgTransaction('reader', tenant.id, (_, sql) =>
    sql<WrappedKey>(
      `SELECT tenant_id::text AS "tenantId", id::text, wrapped FROM tenant_key
        WHERE tenant_id = $1::uuid AND purpose = 'data' AND retired_at IS NULL`,
      [tenant.id],
    ),
  )
  return key
}

/** Before it is written down as the right one. */
async function requireOpens(file: MasterKey, { tenantId, id, wrapped }: WrappedKey): Promise<void> {
  await file.unwrap(wrapped, [tenantId, 'tenant_key', 'wrapped', id]).catch((cause: unknown) => {
    throw new MasterKeyError(
      `GATEHOUSE_MASTER_KEY_FILE: ${file.where} is not the key that wrapped the keys of this instance`,
      { cause },
    )
  })
}

/**
 * From its commit on every process wraps new keys under `to`; it waits for those that are wrapping one now. The root secret
 * follows in the same step, so that the old master key is needed for tenant keys alone.
 */
export async function switchMasterKey(to: MasterKey, rootSecret: Uint8Array): Promise<void> {
  const { id } = await pgTransaction('reader', null, (_, sql) => readInstanceKeys(sql))
  const root = await to.wrap(rootSecret, rootPlace(id))
  await pgTransaction('writer', null, (_, sql) =>
    sql(`UPDATE instance SET master_id = $1::text, root_secret = decode($2::text, 'hex'), root_master_id = $1::text`, [
      to.id,
      root.toString('hex'),
    ]),
  )
}
