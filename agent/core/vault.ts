import { base64urlDecode } from '#lib/bytes.ts'
import type { Device } from './device.ts'
import { AgentError, GatewayError, isTemporary, toAgentError } from './errors.ts'

export type Unlocked = { key: CryptoKey; online: boolean; policyVersion: number | null }

async function withShare(device: Device, share: Uint8Array, online: boolean, policyVersion: number | null) {
  const key = await device.ports.keys.vaultKey(share, device.identity)
  share.fill(0)
  // The secret is the first thing that an erasure takes, also from under an open device.
  if (!key) throw new AgentError('erased', 'This device was erased: its half of the vault key is gone.')
  return { key, online, policyVersion }
}

/** Asks the server for its share, and keeps it for the lease. Throws what the gateway said. */
export async function unlockOnline(device: Device): Promise<Unlocked> {
  const epoch = device.lease.epoch()
  try {
    const { share, leaseSeconds, policyVersion } = await device.client.unlock()
    const bytes = base64urlDecode(share)
    device.lease.keep(bytes, leaseSeconds, epoch)
    return await withShare(device, bytes, true, policyVersion)
  } catch (error) {
    // Refused for whatever reason: what an earlier answer lent is not ours any more.
    if (error instanceof GatewayError && !isTemporary(error)) await dropShare(device)
    throw error
  }
}

/** Forgets the share here and in the process that stays connected. */
export async function dropShare(device: Device): Promise<void> {
  device.lease.drop()
  await device.ports.companion.drop()
}

/**
 * The vault key. The server is always asked first, so that a block acts at once; only where it does not answer, a lease that
 * still lasts opens. Throws `revoked`, `pending` or `locked`.
 */
export async function unlock(device: Device): Promise<Unlocked> {
  try {
    return await unlockOnline(device)
  } catch (error) {
    if (!isTemporary(error)) throw toAgentError(error)
    const share = device.lease.share() ?? (await device.ports.companion.share())
    if (share) return withShare(device, share, false, null)
    const detail = 'The vault is locked: the gateway does not answer and no offline lease lasts here.'
    throw new AgentError('locked', detail, { cause: error })
  }
}
