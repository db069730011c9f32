import { z } from 'zod'
import { WIPE_SCOPES } from './commands.ts'
import { DeviceProtocolError, expectSame } from './error.ts'
import { base64urlOf, id, time } from './fields.ts'
import { JWS_TYPES, signJws, verifyJws } from './jws.ts'

export const RECEIPT_RESULTS = ['erased', 'locked', 'refreshed', 'failed'] as const

/** What the device's signing key signs when a command is done. */
export const receiptSchema = z.strictObject({
  commandId: id,
  deviceId: id,
  /** The command's nonce. */
  nonce: base64urlOf(16),
  result: z.enum(RECEIPT_RESULTS),
  /** What the vault held before it was destroyed; zeros for any other command. */
  erased: z.strictObject({ files: z.int().min(0), bytes: z.int().min(0) }),
  at: time,
  /** What a wipe really erased: less than was asked where the device cannot erase itself. */
  scope: z.enum(WIPE_SCOPES).optional(),
  /** Why it failed. */
  code: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,63}$/)
    .optional(),
})

export type Receipt = z.infer<typeof receiptSchema>

/** Signs a receipt; `kid` is the signing key's thumbprint. */
export async function signReceipt(receipt: Receipt, key: CryptoKey, kid: string): Promise<string> {
  return signJws({ typ: JWS_TYPES.receipt, payload: receiptSchema.parse(receipt), key, kid })
}

/**
 * Verifies a receipt with the device's public signing key. Throws the JWS codes, `malformed`, `wrong_command`,
 * `wrong_device` or `wrong_nonce`.
 */
export async function verifyReceipt(
  jws: string,
  key: CryptoKey,
  expected: { commandId: string; deviceId: string; nonce: string },
): Promise<Receipt> {
  const parsed = receiptSchema.safeParse(await verifyJws(jws, JWS_TYPES.receipt, key))
  if (!parsed.success) throw new DeviceProtocolError('malformed', 'the receipt lacks members', { cause: parsed.error })
  expectSame('wrong_command', 'commandId', parsed.data.commandId, expected.commandId)
  expectSame('wrong_device', 'deviceId', parsed.data.deviceId, expected.deviceId)
  expectSame('wrong_nonce', 'nonce', parsed.data.nonce, expected.nonce)
  return parsed.data
}
