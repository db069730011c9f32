import { z } from 'zod'
import { DeviceProtocolError, expectSame } from './error.ts'
import { id, time } from './fields.ts'
import { JWS_TYPES, signJws, verifyJws } from './jws.ts'
import { importVerifyKey, keyThumbprint, type PublicJwk, publicJwkSchema } from './keys.ts'
import type { RotateKeysRequest } from './messages.ts'

const rotationSchema = z.strictObject({
  deviceId: id,
  enrollmentId: id,
  keys: z.strictObject({ sign: publicJwkSchema, seal: publicJwkSchema }),
  at: time,
})

export type KeyRotation = z.infer<typeof rotationSchema>

/**
 * Body of `POST keys`: the same statement signed by the old key (who may rotate) and by the new one (who holds it).
 */
export async function signKeyRotation(
  rotation: KeyRotation,
  keys: { oldKey: CryptoKey; newKey: CryptoKey },
): Promise<RotateKeysRequest> {
  const payload = rotationSchema.parse(rotation)
  return {
    rotation: await signJws({ typ: JWS_TYPES.keyRotation, payload, key: keys.oldKey }),
    proof: await signJws({ typ: JWS_TYPES.keyRotation, payload, key: keys.newKey }),
  }
}

async function statementOf(jws: string, key: CryptoKey): Promise<KeyRotation> {
  const parsed = rotationSchema.safeParse(await verifyJws(jws, JWS_TYPES.keyRotation, key))
  if (!parsed.success) throw new DeviceProtocolError('malformed', 'the rotation lacks members', { cause: parsed.error })
  return parsed.data
}

/** Verifies a rotation against the key on record. Throws the JWS codes, `wrong_device`, `wrong_enrollment`, `wrong_key`, `expired`. */
export async function verifyKeyRotation(
  request: RotateKeysRequest,
  expected: { oldKey: PublicJwk; deviceId: string; enrollmentId: string; nowMs: number },
): Promise<KeyRotation & { signThumbprint: string }> {
  const rotation = await statementOf(request.rotation, await importVerifyKey(expected.oldKey))
  const proof = await statementOf(request.proof, await importVerifyKey(rotation.keys.sign))
  expectSame('wrong_key', 'proof', JSON.stringify(proof), JSON.stringify(rotation))
  expectSame('wrong_device', 'deviceId', rotation.deviceId, expected.deviceId)
  expectSame('wrong_enrollment', 'enrollmentId', rotation.enrollmentId, expected.enrollmentId)
  if (Math.abs(Date.parse(rotation.at) - expected.nowMs) > 86_400_000) {
    throw new DeviceProtocolError('expired', `the rotation was made at ${rotation.at}`)
  }
  return { ...rotation, signThumbprint: await keyThumbprint(rotation.keys.sign) }
}
