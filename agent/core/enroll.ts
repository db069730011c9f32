import { utf8Encode } from '#lib/bytes.ts'
import { formatTime } from '#lib/time.ts'
import {
  type DeviceKeyPair,
  generateKeyPair,
  importSignKey,
  keyThumbprint,
  type PrivateJwk,
} from '#protocol/device/keys.ts'
import type { DeviceFacts, EnrollResponse } from '#protocol/device/messages.ts'
import { VAULT_SECRET_BYTES } from '#protocol/device/vault-key.ts'
import { createClient } from './client.ts'
import { AgentError } from './errors.ts'
import { NAMES, readIdentity, readPrivateKey, writeJson, writeStanding } from './identity.ts'
import type { AgentPorts } from './ports.ts'

function pairOf(privateJwk: PrivateJwk): DeviceKeyPair {
  const { kty, crv, x, y } = privateJwk
  return { privateJwk, publicJwk: { kty, crv, x, y } }
}

/** The keys are made once: an attempt whose answer got lost can be repeated with the same ones. */
async function keyPair(ports: AgentPorts, name: string): Promise<DeviceKeyPair> {
  const kept = await readPrivateKey(ports.store, name)
  if (kept) return pairOf(kept)
  const made = await generateKeyPair()
  await writeJson(ports.store, name, made.privateJwk)
  return made
}

async function keep(ports: AgentPorts, options: EnrollOptions, answer: EnrollResponse, sign: DeviceKeyPair) {
  const { store, clock } = ports
  const enrolledAt = formatTime(clock.now())
  await store.write(NAMES.secret, crypto.getRandomValues(new Uint8Array(VAULT_SECRET_BYTES)))
  await store.write(NAMES.token, utf8Encode(answer.token))
  await writeStanding(store, { status: answer.status, at: enrolledAt })
  // Last: without it nothing else here counts, and a crash before it leaves a directory that may enrol again.
  await writeJson(store, NAMES.identity, {
    gatewayUrl: options.gatewayUrl,
    tenantId: answer.tenantId,
    deviceId: answer.deviceId,
    enrollmentId: answer.enrollmentId,
    keyThumbprint: await keyThumbprint(sign.publicJwk),
    serverKeys: answer.serverKeys,
    facts: options.facts,
    givenFacts: options.givenFacts ?? [],
    enrolledAt,
  })
}

export type EnrollOptions = { gatewayUrl: string; code: string; facts: DeviceFacts; givenFacts?: string[] }

/** Makes the keys on the device and trades the code for an identity. Throws `already_enrolled`, or what the gateway says. */
export async function enroll(ports: AgentPorts, options: EnrollOptions): Promise<EnrollResponse> {
  if (await readIdentity(ports.store)) {
    throw new AgentError('already_enrolled', 'This directory belongs to an enrolled device; choose another one.')
  }
  const sign = await keyPair(ports, NAMES.signKey)
  const seal = await keyPair(ports, NAMES.sealKey)
  const credentials = { signKey: await importSignKey(sign.privateJwk), publicJwk: sign.publicJwk }
  const client = createClient({ ...ports, gatewayUrl: options.gatewayUrl, credentials })
  const keys = { sign: sign.publicJwk, seal: seal.publicJwk }
  const answer = await client.enroll({ code: options.code, keys, facts: options.facts })
  await keep(ports, options, answer, sign)
  return answer
}
