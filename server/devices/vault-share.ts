import 'server-only'
import { randomBytes } from 'node:crypto'
import { VAULT_SECRET_BYTES } from '#protocol/device/vault-key.ts'
import type { Tx } from '#server/kernel/db.ts'
import { decrypt, encrypt, type TenantVault } from '#server/kernel/keys.ts'

type Context = { tx: Tx; tenantId: string; now: Date; vault: () => Promise<TenantVault> }
type Place = { enrollmentId: string; deviceId: string }

const sharePlace = (tenantId: string, enrollmentId: string) => [tenantId, 'vault_share', 'share', enrollmentId]

/** Makes the server's half of an enrolment's vault key: random, under a key of its own, which is under the organisation's. */
export async function createShare(
  context: Context,
  { enrollmentId, deviceId }: Place,
  withheld: boolean,
): Promise<void> {
  const { tx, tenantId, now } = context
  const deviceKey = randomBytes(32)
  const share = encrypt(deviceKey, randomBytes(VAULT_SECRET_BYTES), sharePlace(tenantId, enrollmentId))
  const wrapped = (await context.vault()).seal(deviceKey, 'vault_share', 'device_key', enrollmentId)
  await tx.vaultShare.create({
    data: {
      tenantId,
      enrollmentId,
      deviceId,
      deviceKey: new Uint8Array(wrapped),
      share: new Uint8Array(share),
      withheld,
      createdAt: now,
    },
    select: { enrollmentId: true },
  })
}

/** Opens a stored half. @throws Error when the row was moved or altered */
export async function openShare(context: Context, enrollmentId: string): Promise<Buffer> {
  const { tx, tenantId } = context
  const row = await tx.vaultShare.findFirst({
    where: { tenantId, enrollmentId },
    select: { deviceKey: true, share: true },
  })
  if (!row) throw new Error(`the share of ${enrollmentId} is gone`)
  const deviceKey = (await context.vault()).open(row.deviceKey, 'vault_share', 'device_key', enrollmentId)
  return decrypt(deviceKey, row.share, sharePlace(tenantId, enrollmentId))
}
