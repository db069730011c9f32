import { utf8Encode } from '#lib/bytes.ts'
import { formatTime } from '#lib/time.ts'
import { keyThumbprint, type PublicJwk } from '#protocol/device/keys.ts'
import type { DeviceFacts, EnrollResponse } from '#protocol/device/messages.ts'
import { createClient } from './client.ts'
import { AgentError } from './errors.ts'
import { NAMES, readIdentity, writeJson, writeStanding } from './identity.ts'
import type { AgentPorts } from './ports.ts'

async function keep(ports: AgentPorts, options: EnrollOptions, answer: EnrollResponse, signJwk: PublicJwk) {
  const { store, keys, clock } = ports
  const enrolledAt = formatTime(clock.now())
  await keys.makeSecret()
  await store.write(NAMES.token, utf8Encode(answer.token))
  await writeStanding(store, { status: answer.status, at: enrolledAt })
  // Last: without it nothing else here counts, and a crash before it leaves a directory that may enrol again.
  await writeJson(store, NAMES.identity, {
    gatewayUrl: options.gatewayUrl,
    tenantId: answer.tenantId,
    deviceId: answer.deviceId,
    enrollmentId: answer.enrollmentId,
    keyThumbprint: await keyThumbprint(signJwk),
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
  // Made once: an attempt whose answer got lost can be repeated with the same keys.
  const sign = await ports.keys.makeSigning()
  const seal = await ports.keys.makeSealing()
  const credentials = { signKey: sign.key, publicJwk: sign.publicJwk }
  const client = createClient({ ...ports, gatewayUrl: options.gatewayUrl, credentials })
  const keys = { sign: sign.publicJwk, seal: seal.publicJwk }
  const answer = await client.enroll({ code: options.code, keys, facts: options.facts })
  await keep(ports, options, answer, sign.publicJwk)
  return answer
}
