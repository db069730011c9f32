import 'server-only'
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { uuidv7 } from '#lib/uuid.ts'
import { decryptKeyed, deriveKey, encryptKeyed, keyIdOf, sha256 } from './cipher.ts'
import type { Tx } from './db.ts'
import { AppError } from './errors.ts'
import { isMasterKeyError } from './master-key.ts'
import { requireMasterKey } from './master-keys.ts'
import { runtime } from './runtime.ts'
import { JOB_TABLE } from './sealed-columns.ts'
import { noteSeal, StaleKeysError } from './sealing.ts'

export { decrypt, encrypt, encryptedPieces, sha256 } from './cipher.ts'
export { isMasterKeyError } from './master-key.ts'
export { openKeys } from './open-keys.ts'
export { staleKeysIn } from './sealing.ts'

/** Seals and opens values of one organisation under its data key. `place` names table, column and row. */
export type TenantVault = {
  /** Under the current data key; where it is stored is in server/kernel/sealed-columns.ts, or a rotation would not find it. */
  seal(plain: Uint8Array, ...place: string[]): Buffer
  /** Of any data key that was not destroyed yet. */
  open(sealed: Uint8Array, ...place: string[]): Buffer
}

/** Data keys of one organisation as this process knows them. */
type DataKeys = { currentId: string; oldestId: string; opened: Map<string, Buffer>; destroyed: Set<string> }

const SLOT = Symbol.for('gatehouse.data-keys')
// Next bundles may hold several copies of this module; what one forgets, all do.
const slots = globalThis as { [SLOT]?: Map<string, DataKeys> }
slots[SLOT] ??= new Map()
const dataKeys = slots[SLOT]
/** What a transaction read itself. */
const readIn = new WeakMap<Tx, DataKeys>()

/** The organisation's vault: its data keys are unwrapped with the master key once a process. */
export async function tenantVault(tx: Tx, tenantId: string): Promise<TenantVault> {
  const keys = dataKeys.get(tenantId) ?? (await loadDataKeys(tx, tenantId))
  return {
    seal: (plain, ...place) => {
      const { currentId } = keys
      if (place[0] === JOB_TABLE) noteSeal(tx, tenantId, currentId)
      return encryptKeyed(currentId, keyOf(keys, { tx, tenantId, id: currentId }), plain, [tenantId, ...place])
    },
    open: (sealed, ...place) => {
      const key = keyOf(keys, { tx, tenantId, id: keyIdOf(sealed) ?? keys.oldestId })
      return decryptKeyed(key, sealed, [tenantId, ...place])
    },
  }
}

type Wanted = { tx: Tx; tenantId: string; id: string }

function keyOf(keys: DataKeys, { tx, tenantId, id }: Wanted): Buffer {
  const key = keys.opened.get(id)
  if (key) return key
  if (keys.destroyed.has(id)) throw new Error(`the data key ${id} was destroyed`)
  // Read in this very transaction: it is no key that we have not heard of, it is somebody else's.
  if (readIn.get(tx) === keys)
    throw new Error(`${id} is no data key of the organisation ${tenantId}: the value was moved here`)
  // Whoever asks next reads them again, also where no transaction is there to be run once more.
  dataKeys.delete(tenantId)
  throw new StaleKeysError(tenantId, id)
}

type KeyRow = {
  id: string
  wrapped: Uint8Array | null
  masterId: string | null
  retiredAt: Date | null
}

/** Vault may be away for a while: nobody's request is wrong because of that. */
function orUnavailable(error: unknown): never {
  if (!isMasterKeyError(error)) throw error
  throw new AppError('unavailable', { detail: 'The master key cannot be asked now.', retryAfter: 5, cause: error })
}

async function loadDataKeys(tx: Tx, tenantId: string): Promise<DataKeys> {
  const rows: KeyRow[] = await tx.tenantKey.findMany({
    where: { tenantId, purpose: 'data' },
    orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
    select: { id: true, wrapped: true, masterId: true, retiredAt: true },
  })
  const [oldest] = rows
  const current = rows.find(({ retiredAt }) => retiredAt === null)
  if (!oldest || !current) throw new Error(`the organisation ${tenantId} has no data key`)
  const opened = new Map<string, Buffer>()
  for (const row of rows)
    if (row.wrapped)
      opened.set(row.id, await unwrapDataKey(tenantId, { ...row, wrapped: row.wrapped }).catch(orUnavailable))
  const destroyed = new Set(rows.filter(({ wrapped }) => wrapped === null).map(({ id }) => id))
  const keys = { currentId: current.id, oldestId: oldest.id, opened, destroyed }
  dataKeys.set(tenantId, keys)
  readIn.set(tx, keys)
  return keys
}

export const dataKeyPlace = (tenantId: string, id: string) => [tenantId, 'tenant_key', 'wrapped', id]

/** The data key in clear. @throws MasterKeyError when its master key is not at hand */
export async function unwrapDataKey(
  tenantId: string,
  { id, wrapped, masterId }: { id: string; wrapped: Uint8Array; masterId: string | null },
): Promise<Buffer> {
  const { masterKeys } = runtime()
  const place = dataKeyPlace(tenantId, id)
  if (masterId !== null) return requireMasterKey(masterKeys, masterId).unwrap(wrapped, place)
  // From before master keys had ids: one of the files, of which there are two while a rotation is under way.
  const files = masterKeys.files()
  for (const file of files.slice(0, -1)) {
    const key = await file.unwrap(wrapped, place).catch(() => null)
    if (key) return key
  }
  return (files.at(-1) ?? masterKeys.configured()).unwrap(wrapped, place)
}

/** Makes a data key of the organisation and its current one; part of creating it, and of rotating. */
export async function createDataKey(tx: Tx, tenantId: string): Promise<string> {
  const id = uuidv7()
  const masterKey = await wrappingKey(tx)
  const wrapped = await masterKey.wrap(randomBytes(32), dataKeyPlace(tenantId, id)).catch(orUnavailable)
  await tx.tenantKey.create({
    data: { tenantId, id, purpose: 'data', wrapped: new Uint8Array(wrapped), masterId: masterKey.id },
    select: { id: true },
  })
  return id
}

/** The lock makes a rotation of the master key wait for us: it then finds what we wrapped. */
async function wrappingKey(tx: Tx) {
  const [instance] = await tx.$queryRawUnsafe<{ id: string | null }[]>('SELECT master_id AS id FROM instance FOR SHARE')
  const { masterKeys } = runtime()
  return instance?.id ? requireMasterKey(masterKeys, instance.id) : masterKeys.configured()
}

/** Forgets what this process knows of an organisation's data keys; the next use reads them. */
export function forgetDataKeys(tenantId: string): void {
  dataKeys.delete(tenantId)
}

/** Forgets cached keys; tests that switch databases call it. */
export function testingOnlyForgetKeys(): void {
  dataKeys.clear()
}

/** A key for one purpose, derived from the instance's root secret (HKDF-SHA-256). @throws AppError unavailable before the keys are open */
export function derivedKey(purpose: string): Buffer {
  const { rootSecret } = runtime()
  if (!rootSecret) throw new AppError('unavailable', { detail: 'The server is still opening its keys.', retryAfter: 2 })
  return deriveKey(rootSecret, purpose)
}

/** What the login directory holds instead of an address: HMAC-SHA-256 of the lower-cased email. */
export function emailHmac(email: string): Buffer {
  return createHmac('sha256', derivedKey('login-directory')).update(email.trim().toLowerCase()).digest()
}

/** 43 characters of base64url: 256 random bits. */
export function randomSecret(): string {
  return randomBytes(32).toString('base64url')
}

/** Whether `secret` is the one whose SHA-256 is kept; the time says nothing. */
export function matchesHash(secret: string, hash: Uint8Array): boolean {
  const given = sha256(secret)
  return given.length === hash.length && timingSafeEqual(given, hash)
}
