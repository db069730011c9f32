import type { Bytes } from '#lib/bytes.ts'
import { importOpenKey, importSignKey, type PublicJwk } from '#protocol/device/keys.ts'
import { deriveLocalKey } from '#protocol/device/vault-key.ts'
import { localCipher } from './cipher.ts'
import { type Client, createClient } from './client.ts'
import { AgentError } from './errors.ts'
import { type Identity, NAMES, readIdentity, readPrivateKey, readSecret, readText } from './identity.ts'
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
  secret: Bytes
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
  const privateJwk = await readPrivateKey(store, NAMES.signKey)
  const token = await readText(store, NAMES.token)
  if (!identity || !privateJwk || token === null) return null
  const signKey = await importSignKey(privateJwk)
  const { kty, crv, x, y } = privateJwk
  const publicJwk: PublicJwk = { kty, crv, x, y }
  const client = createClient({ ...ports, gatewayUrl: identity.gatewayUrl, credentials: { signKey, publicJwk, token } })
  return { identity, signKey, client }
}

/** Opens the device. Throws `erased` (also while an erasure is unfinished) or `not_enrolled`. */
export async function loadDevice(ports: AgentPorts): Promise<Device> {
  await expectNotErased(ports)
  const speaker = await loadSpeaker(ports)
  const sealJwk = await readPrivateKey(ports.store, NAMES.sealKey)
  const secret = await readSecret(ports.store)
  if (!speaker || !sealJwk || !secret) throw missing()
  const cipher = localCipher(await deriveLocalKey(secret, speaker.identity))
  return {
    ports,
    ...speaker,
    openKey: await importOpenKey(sealJwk),
    secret,
    cipher,
    queue: ports.openQueue(cipher),
    lease: createLease(ports.clock),
  }
}
