import { DeviceProtocolError } from '#protocol/device/error.ts'
import { importSealKey, keyThumbprint } from '#protocol/device/keys.ts'
import { type EnrollRequest, enrollRequestSchema } from '#protocol/device/messages.ts'
import { enrollDevice } from '#server/devices/commands.ts'
import { AppError, isAppError } from '#server/kernel/errors.ts'
import { parseInput } from '#server/kernel/fields.ts'
import type { Gateway } from '../gateway.ts'
import { addressOf } from '../gateway.ts'
import { networkOf } from '../rate-limits.ts'

/** `POST enroll`: a code and two keys in, a device out. */
export function enrollRoute(gateway: Gateway): void {
  const { app, auth, limits } = gateway
  app.post('/device/v1/enroll', { bodyLimit: 32 * 1024 }, async (request, reply) => {
    const address = addressOf(gateway, request.raw)
    const network = networkOf(address)
    limits.refusedEnroll.check(network)
    limits.enroll.take(network)
    const { thumbprint } = await auth.newKey(request, address)
    const body = parseInput(enrollRequestSchema, request.body)
    await requireOwnKeys(body, thumbprint)
    try {
      return await reply.code(201).send(await enrollDevice({ ...body, thumbprint, address }))
    } catch (error) {
      // Only a wrong code is a guess; a full device list or an old app is not.
      if (isAppError(error) && error.code === 'enrollment_code_invalid') limits.refusedEnroll.take(network)
      throw error
    }
  })
}

/** The proof must be made with the key that is enrolled, and what is sealed to the other one must be openable. */
async function requireOwnKeys({ keys }: EnrollRequest, thumbprint: string): Promise<void> {
  if ((await keyThumbprint(keys.sign)) !== thumbprint) {
    throw new AppError('invalid_dpop_proof', {
      detail: 'The proof is not made with keys.sign.',
      extra: { reason: 'wrong_key' },
    })
  }
  try {
    await importSealKey(keys.seal)
  } catch (error) {
    if (!(error instanceof DeviceProtocolError)) throw error
    throw new AppError('invalid', {
      detail: 'keys.seal: is not a point of P-256',
      fields: { 'keys.seal': 'is not a point of P-256' },
      cause: error,
    })
  }
}
