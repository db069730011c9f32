import { type DeviceKeyPair, generateKeyPair, keyThumbprint } from '#protocol/device/keys.ts'
import type { DeviceFacts, EnrollResponse } from '#protocol/device/messages.ts'
import { createEnrollmentCode, deviceFromToken, enrollDevice } from '#server/devices/commands.ts'
import type { DeviceActor, PersonActor } from '#server/kernel/actor.ts'
import { systemActor } from '#server/kernel/actor.ts'

export type TestDevice = {
  actor: DeviceActor
  sign: DeviceKeyPair
  seal: DeviceKeyPair
  thumbprint: string
  answer: EnrollResponse
  facts: DeviceFacts
}

const ADDRESS = '198.51.100.7'

export const PHONE: DeviceFacts = {
  name: 'Test phone',
  platform: 'android',
  osVersion: '15',
  appVersion: '1.4.0',
  model: 'Pixel 9',
}

type Options = { facts?: Partial<DeviceFacts>; sign?: DeviceKeyPair; code?: string }

/** Enrols a device of `person` as the gateway would, with keys of its own. */
export async function enrollTestDevice(
  person: PersonActor,
  { facts: stated, sign, code }: Options = {},
): Promise<TestDevice> {
  const pair = sign ?? (await generateKeyPair())
  const seal = await generateKeyPair()
  const thumbprint = await keyThumbprint(pair.publicJwk)
  const made =
    code ?? (await createEnrollmentCode(systemActor(person.tenantId, 'test'), { personId: person.personId })).code
  const facts = { ...PHONE, ...stated }
  const answer = await enrollDevice({
    code: made,
    keys: { sign: pair.publicJwk, seal: seal.publicJwk },
    facts,
    thumbprint,
    address: ADDRESS,
  })
  const { actor } = await deviceFromToken(answer.token, { thumbprint, address: ADDRESS })
  return { actor, sign: pair, seal, thumbprint, answer, facts }
}
