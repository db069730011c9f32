import 'server-only'
import { uuidv7 } from '#lib/uuid.ts'
import {
  generateKeyPair,
  importSignKey,
  type Jwks,
  keyThumbprint,
  type PrivateJwk,
  type PublicJwk,
  publicJwkSchema,
} from '#protocol/device/keys.ts'
import type { Sql, Tx } from './db.ts'
import { AppError } from './errors.ts'
import type { TenantVault } from './keys.ts'

/** The organisation's key for commands and policy bundles (ES256); `kid` is its RFC 7638 thumbprint. */
export type SigningKey = { kid: string; privateKey: CryptoKey; publicJwk: PublicJwk & { kid: string } }

type ReadContext = { tx: Tx; tenantId: string; vault: () => Promise<TenantVault> }
type WriteContext = ReadContext & { sql: Sql; now: Date }

// By row id, which is never used twice: a key made in a transaction that rolled back is simply never asked for.
const imported = new Map<string, CryptoKey>()

/**
 * The organisation's signing key, made on first use; for commands (a device pins it at its enrolment). Of two first uses at
 * once, the second waits for the first and takes its key.
 */
export async function tenantSigningKey(context: WriteContext): Promise<SigningKey> {
  return (await findSigningKey(context)) ?? (await createSigningKey(context))
}

/** The same where nothing may be written. @throws AppError not_found while the organisation has none, that is before its first enrolment */
export async function currentSigningKey(context: ReadContext): Promise<SigningKey> {
  const key = await findSigningKey(context)
  if (!key) throw new AppError('not_found', { detail: 'The organisation has no signing key yet.' })
  return key
}

/** What a device pins at enrolment: the public halves of the keys in use. */
export async function signingJwks(context: WriteContext): Promise<Jwks> {
  const { publicJwk } = await tenantSigningKey(context)
  return { keys: [publicJwk] }
}

async function findSigningKey({ tx, tenantId, vault }: ReadContext): Promise<SigningKey | null> {
  const row = await tx.tenantKey.findFirst({
    where: { tenantId, purpose: 'command', retiredAt: null },
    select: { id: true, publicJwk: true, wrapped: true },
  })
  if (!row?.wrapped) return null
  const { id, wrapped } = row
  const publicJwk = publicJwkSchema.parse(row.publicJwk)
  const kid = await keyThumbprint(publicJwk)
  const privateKey = imported.get(id) ?? (await importPrivate(await vault(), { id, wrapped }))
  imported.set(id, privateKey)
  return { kid, privateKey, publicJwk: { ...publicJwk, kid } }
}

async function importPrivate(
  vault: TenantVault,
  { id, wrapped }: { id: string; wrapped: Uint8Array },
): Promise<CryptoKey> {
  const privateJwk = JSON.parse(vault.open(wrapped, 'tenant_key', 'wrapped', id).toString()) as PrivateJwk
  return importSignKey(privateJwk)
}

async function createSigningKey(context: WriteContext): Promise<SigningKey> {
  const { sql, tenantId, now } = context
  const id = uuidv7(now.getTime())
  const { publicJwk, privateJwk } = await generateKeyPair()
  const wrapped = (await context.vault()).seal(Buffer.from(JSON.stringify(privateJwk)), 'tenant_key', 'wrapped', id)
  await sql(
    `INSERT INTO tenant_key (tenant_id, id, purpose, public_jwk, wrapped, created_at)
     VALUES ($1::uuid, $2::uuid, 'command', $3::text::jsonb, decode($4::text, 'hex'), $5::text::timestamptz)
     ON CONFLICT (tenant_id, purpose) WHERE retired_at IS NULL DO NOTHING`,
    [tenantId, id, JSON.stringify(publicJwk), wrapped.toString('hex'), now.toISOString()],
  )
  return currentSigningKey(context)
}
