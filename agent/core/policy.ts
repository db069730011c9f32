import { utf8Encode } from '#lib/bytes.ts'
import { DeviceProtocolError } from '#protocol/device/error.ts'
import { type PolicyBundle, verifyPolicyBundle } from '#protocol/device/policy-bundle.ts'
import { evaluate, type PolicyContext, type PolicyDecision } from '#protocol/policy/evaluate.ts'
import type { Device } from './device.ts'
import { AgentError, isRevoked, isTemporary } from './errors.ts'
import { NAMES, readText } from './identity.ts'

/** The policy on the device, verified anew each time it is read, or null before the first one arrived. */
export async function cachedPolicy(device: Device): Promise<PolicyBundle | null> {
  const jws = await readText(device.ports.store, NAMES.policy)
  if (jws === null) return null
  const { serverKeys, tenantId } = device.identity
  try {
    return await verifyPolicyBundle(jws, serverKeys, { tenantId })
  } catch (error) {
    // Somebody wrote into the directory: as good as none, and the next fetch replaces it.
    if (error instanceof DeviceProtocolError) return null
    throw error
  }
}

/** Fetches, verifies and keeps the policy. Throws `untrusted` for one that is forged, foreign or older than ours. */
export async function fetchPolicy(device: Device, timeoutMs?: number): Promise<PolicyBundle> {
  const { serverKeys, tenantId } = device.identity
  const minVersion = (await cachedPolicy(device))?.version
  const jws = await device.client.policy(timeoutMs)
  try {
    const bundle = await verifyPolicyBundle(jws, serverKeys, { tenantId, minVersion })
    await device.ports.store.write(NAMES.policy, utf8Encode(jws))
    return bundle
  } catch (cause) {
    if (!(cause instanceof DeviceProtocolError)) throw cause
    throw new AgentError('untrusted', `The policy was refused (${cause.code}): ${cause.message}`, { cause })
  }
}

/** The newest policy that can be had within `timeoutMs`; offline, the one on the device. Throws when blocked. */
export async function currentPolicy(device: Device, timeoutMs: number): Promise<PolicyBundle | null> {
  try {
    return await fetchPolicy(device, timeoutMs)
  } catch (error) {
    if (isRevoked(error) || !(isTemporary(error) || error instanceof AgentError)) throw error
    return cachedPolicy(device)
  }
}

/** Whether files may lie on this device: in a browser only where the policy says so. */
export async function keepsContent(device: Device): Promise<boolean> {
  if (device.identity.facts.platform !== 'browser') return true
  return (await cachedPolicy(device))?.document.devices.browser.offlineContent ?? false
}

/** Decides an action of this device; without any policy nothing is allowed but being told about it. */
export function decide(
  device: Device,
  policy: PolicyBundle,
  context: Omit<PolicyContext, 'platform' | 'osVersion' | 'capabilities'>,
): PolicyDecision {
  const { platform, osVersion, capabilities } = device.identity.facts
  return evaluate(policy.document, {
    ...context,
    platform,
    osVersion,
    capabilities: { preventCapture: capabilities?.preventCapture ?? false },
  })
}
