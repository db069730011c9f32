import { localCipher } from './cipher.ts'
import { type Client, createClient } from './client.ts'
import { AgentError } from './errors.ts'
import { type Identity, NAMES, readIdentity, readText } from './identity.ts'
import { createLease, type Lease } from './lease.ts'
import type { AgentPorts, EventQueue, LocalCipher } from './ports.ts'
import { expectNotErased } from './tombstone.ts'

/** An enrolled device, opened: its identity, keys and queue. */
export type Device = {
  ports: AgentPorts
  identity: Identity
  client: Client
  signKey: CryptoKey
  openKey: CryptoKey
  cipher: LocalCipher
  queue: EventQueue
  lease: Lease
}

function missing(): AgentError {
  return new AgentError('not_enrolled', 'This directory holds no enrolled device; run enroll first.')
}

/** What speaks for the device; it outlives the vault until the receipt of an erasure is accepted. */
export async function loadSpeaker(
  ports: AgentPorts,
): Promise<{ identity: Identity; signKey: CryptoKey; client: Client } | null> {
  const { store } = ports
  const identity = await readIdentity(store)
  const signing = await ports.keys.signing()
  const token = await readText(store, NAMES.token)
  if (!identity || !signing || token === null) return null
  const { key: signKey, publicJwk } = signing
  const client = createClient({ ...ports, gatewayUrl: identity.gatewayUrl, credentials: { signKey, publicJwk, token } })
  return { identity, signKey, client }
}

/** Opens the device. Throws `erased` (also while an erasure is unfinished) or `not_enrolled`. */
export async function loadDevice(ports: AgentPorts): Promise<Device> {
  await expectNotErased(ports)
  const speaker = await loadSpeaker(ports)
  const sealing = await ports.keys.sealing()
  const localKey = speaker && (await ports.keys.localKey(speaker.identity))
  if (!speaker || !sealing || !localKey) throw missing()
  const cipher = localCipher(localKey)
  return {
    ports,
    ...speaker,
    openKey: sealing.key,
    cipher,
    queue: ports.openQueue(cipher),
    lease: createLease(ports.clock),
  }
}
