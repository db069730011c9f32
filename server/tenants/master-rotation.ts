import 'server-only'
import { z } from 'zod'
import { systemActor } from '#server/kernel/actor.ts'
import { defineCommand } from '#server/kernel/command.ts'
import { pgTransaction, readTransaction, type Sql } from '#server/kernel/db.ts'
import { dataKeyPlace, isMasterKeyError, openKeys, unwrapDataKey } from '#server/kernel/keys.ts'
import { type MasterKey, MasterKeyError } from '#server/kernel/master-key.ts'
import {
  discardNextFile,
  type FileMasterKey,
  fileMasterKey,
  nextFile,
  prepareNextFile,
  promoteNextFile,
  readFileKeys,
} from '#server/kernel/master-key-file.ts'
import { type MasterKeys, requireMasterKey } from '#server/kernel/master-keys.ts'
import { readInstanceKeys, switchMasterKey } from '#server/kernel/root-secret.ts'
import { runtime } from '#server/kernel/runtime.ts'
import { listTenants } from './queries.ts'

export type MasterRotation = {
  /** File provider: take the 32 bytes of this file instead of making new ones. */
  newKeyFile?: string
  /** From Vault back to the file of GATEHOUSE_MASTER_KEY_FILE. */
  toFile?: boolean
  /** Hears of each step when it is durable. */
  onStep?: (step: string) => void
}

export type MasterRotated = { from: string; to: string; where: string; organisations: number; keys: number }

/**
 * Wraps every organisation's data keys and the root secret under another master key, or the newest version of the one in Vault. Each step
 * is durable before the next; whoever dies between two asks again and goes on. Running processes notice by themselves.
 * @throws MasterKeyError when a key is away, refused or another rotation is under way
 */
export async function rotateMasterKey({
  newKeyFile,
  toFile,
  onStep = () => {},
}: MasterRotation = {}): Promise<MasterRotated> {
  await openKeys()
  const { masterKeys, rootSecret } = runtime()
  if (!rootSecret) throw new Error('the keys are not open')
  const before = await pgTransaction('reader', null, (_, sql) => readInstanceKeys(sql))
  const target = chooseTarget(masterKeys, before.masterId, { newKeyFile, toFile })
  await target.check()
  onStep('prepared')
  // If we die before, the prepared key has wrapped nothing. After, both keys open what they wrapped and new keys go under the new one.
  await switchMasterKey(target, rootSecret)
  onStep('switched')
  let keys = 0
  const tenants = await listTenants()
  for (const { id } of tenants) {
    keys += await rewrapTenant(id, target)
    onStep(`rewrapped ${id}`)
  }
  for (const { id } of await listTenants()) await requireAllUnder(id, target)
  onStep('verified')
  // The old file's bytes are gone from here on; nothing is wrapped under them any more.
  if (target.where === nextFile(masterKeys.file)) promoteNextFile(masterKeys.file)
  masterKeys.reload()
  onStep('promoted')
  const where = masterKeys.find(target.id)?.where ?? target.where
  return { from: before.masterId ?? target.id, to: target.id, where, organisations: tenants.length, keys }
}

type Wish = { newKeyFile: string | undefined; toFile: boolean | undefined }

function chooseTarget(masterKeys: MasterKeys, inUse: string | null, { newKeyFile, toFile }: Wish): MasterKey {
  const isVault = masterKeys.provider === 'vault-transit'
  if (isVault && newKeyFile)
    throw new MasterKeyError('--new-key-file is for a master key in a file; GATEHOUSE_MASTER_KEY names Vault')
  if (isVault) return toFile ? fileOf(masterKeys) : masterKeys.configured()
  masterKeys.reload()
  const [current, next] = masterKeys.files()
  if (!current) throw new MasterKeyError(`there is no master key in ${masterKeys.file} (GATEHOUSE_MASTER_KEY_FILE)`)
  const wanted = newKeyFile === undefined ? undefined : fileMasterKey(newKeyFile)
  // Interrupted after the switch: keys are wrapped under it, so it is the one to go on with.
  if (next && next.id === inUse) return goOnWith(next, wanted)
  if (inUse !== null && inUse !== current.id)
    throw new MasterKeyError(`the master key in use is ${inUse}, not the one in ${masterKeys.file}`)
  return prepare(masterKeys.file, current, next, wanted)
}

function goOnWith(next: FileMasterKey, wanted: FileMasterKey | undefined): FileMasterKey {
  if (wanted && wanted.id !== next.id)
    throw new MasterKeyError(
      `a rotation to the key in ${next.where} was interrupted: finish it first, without --new-key-file`,
    )
  return next
}

function prepare(
  file: string,
  current: FileMasterKey,
  next: FileMasterKey | undefined,
  wanted: FileMasterKey | undefined,
): FileMasterKey {
  if (wanted?.id === current.id) throw new MasterKeyError(`--new-key-file: ${wanted.where} holds the master key in use`)
  // Prepared by somebody who died before the switch: it has wrapped nothing.
  if (next && wanted && next.id !== wanted.id) discardNextFile(file)
  return prepareNextFile(file, wanted?.bytes)
}

/** Out of Vault: into the file, which is made where there is none. */
function fileOf({ file }: MasterKeys): FileMasterKey {
  const [key] = readFileKeys(file, { create: true })
  if (!key) throw new MasterKeyError(`${file} cannot be made`)
  return key
}

type WrappedKey = { id: string; wrapped: Uint8Array; masterId: string | null }

function wrappedKeys(sql: Sql, tenantId: string, lock: string): Promise<WrappedKey[]> {
  return sql<WrappedKey>(
    `SELECT id::text, wrapped, master_id AS "masterId" FROM tenant_key
      WHERE tenant_id = $1::uuid AND purpose = 'data' AND wrapped IS NOT NULL ORDER BY id ${lock}`,
    [tenantId],
  )
}

/** @returns how many keys were wrapped anew; none where all of them were already */
async function rewrapTenant(tenantId: string, target: MasterKey): Promise<number> {
  const isNewest = await target.newestVersion()
  const rows = await readTransaction(tenantId, ({ sql }) => wrappedKeys(sql, tenantId, ''))
  const keyIds = rows
    .filter(({ masterId, wrapped }) => masterId !== target.id || !isNewest(wrapped))
    .map(({ id }) => id)
  return keyIds.length === 0 ? 0 : rewrap(systemActor(tenantId, 'cli'), { masterId: target.id, keyIds })
}

const rewrap = defineCommand({
  action: 'key.rotate',
  name: 'key.rewrap',
  permission: 'system',
  risk: 'none',
  input: z.strictObject({ masterId: z.string(), keyIds: z.array(z.string()) }),
  execute: async ({ sql, tenantId, input: { masterId, keyIds } }) => {
    const target = requireMasterKey(runtime().masterKeys, masterId)
    const rows = (await wrappedKeys(sql, tenantId, 'FOR UPDATE')).filter(({ id }) => keyIds.includes(id))
    for (const row of rows) {
      const wrapped = await target.wrap(await openDataKey(tenantId, row), dataKeyPlace(tenantId, row.id))
      await sql(
        `UPDATE tenant_key SET wrapped = decode($3::text, 'hex'), master_id = $4::text WHERE tenant_id = $1::uuid AND id = $2::uuid`,
        [tenantId, row.id, wrapped.toString('hex'), masterId],
      )
    }
    const from = [...new Set(rows.map((row) => row.masterId ?? 'file'))]
    const detail = {
      key: 'master',
      phase: 'completed',
      master: { before: from, after: masterId },
      keys: String(rows.length),
    }
    return { result: rows.length, audit: { action: 'key.rotate', target: { type: 'key', id: tenantId }, detail } }
  },
})

/** @throws MasterKeyError that says whose it is: nothing is lost, but the rotation cannot end before somebody has looked */
function openDataKey(tenantId: string, row: WrappedKey): Promise<Buffer> {
  return unwrapDataKey(tenantId, row).catch((cause: unknown) => {
    if (isMasterKeyError(cause)) throw cause
    throw new MasterKeyError(
      `the data key ${row.id} of the organisation ${tenantId} does not open: it was moved or altered`,
      {
        cause,
      },
    )
  })
}

/** Row by row, before the old key goes. */
async function requireAllUnder(tenantId: string, target: MasterKey): Promise<void> {
  const rows = await readTransaction(tenantId, ({ sql }) => wrappedKeys(sql, tenantId, ''))
  for (const row of rows) {
    if (row.masterId !== target.id)
      throw new MasterKeyError(`a key of ${tenantId} is still under ${row.masterId}: rotate again`)
    await openDataKey(tenantId, row)
  }
}
