import { z } from 'zod'
import { base64urlEncode } from '#lib/bytes.ts'
import { DeviceProtocolError, expectSame } from './error.ts'
import { base64urlOf, id, time } from './fields.ts'
import { JWS_TYPES, signJws, verifyJws } from './jws.ts'
import type { Jwks } from './keys.ts'

export const COMMAND_TYPES = ['wipe', 'lock', 'refresh-policy'] as const

export type CommandType = (typeof COMMAND_TYPES)[number]

export const WIPE_SCOPES = ['organisation-data', 'device'] as const

export type WipeScope = (typeof WIPE_SCOPES)[number]

/** `args` of each type. */
export const wipeArgsSchema = z.object({ wipeId: id, scope: z.enum(WIPE_SCOPES) })

/** What the tenant's command key signs. Bound to one enrolment: a device that enrols again is a stranger to it. */
export const commandSchema = z.object({
  id,
  tenantId: id,
  deviceId: id,
  enrollmentId: id,
  type: z.string().regex(/^[a-z][a-z-]{0,31}$/),
  args: z.record(z.string(), z.unknown()),
  issuedAt: time,
  expiresAt: time,
  /** 16 random bytes; a device obeys a nonce once. */
  nonce: base64urlOf(16),
})

export type Command = z.infer<typeof commandSchema>

/** A fresh nonce for a command. */
export function commandNonce(): string {
  return base64urlEncode(crypto.getRandomValues(new Uint8Array(16)))
}

/** Signs a command with the tenant's command key; `kid` names that key in the device's `serverKeys`. */
export async function signCommand(command: Command, key: CryptoKey, kid: string): Promise<string> {
  return signJws({ typ: JWS_TYPES.command, payload: commandSchema.parse(command), key, kid })
}

export type CommandExpectation = {
  tenantId: string
  deviceId: string
  enrollmentId: string
  /** The server's time as the device knows it. */
  nowMs: number
}

/**
 * Verifies a command for this enrolment. Throws DeviceProtocolError: the JWS codes, `malformed`, `wrong_tenant`,
 * `wrong_device`, `wrong_enrollment`, `expired`, `unsupported_type`. That a nonce is obeyed once is the device's to keep.
 */
export async function verifyCommand(
  jws: string,
  serverKeys: Jwks,
  expected: CommandExpectation,
): Promise<Command & { type: CommandType }> {
  const parsed = commandSchema.safeParse(await verifyJws(jws, JWS_TYPES.command, serverKeys))
  if (!parsed.success) throw new DeviceProtocolError('malformed', 'the command lacks members', { cause: parsed.error })
  const command = parsed.data
  expectSame('wrong_tenant', 'tenantId', command.tenantId, expected.tenantId)
  expectSame('wrong_device', 'deviceId', command.deviceId, expected.deviceId)
  expectSame('wrong_enrollment', 'enrollmentId', command.enrollmentId, expected.enrollmentId)
  if (Date.parse(command.expiresAt) <= expected.nowMs) {
    throw new DeviceProtocolError('expired', `the command expired at ${command.expiresAt}`)
  }
  const type = COMMAND_TYPES.find((known) => known === command.type)
  if (!type) throw new DeviceProtocolError('unsupported_type', `no command is called ${command.type}`)
  if (type === 'wipe' && !wipeArgsSchema.safeParse(command.args).success) {
    throw new DeviceProtocolError('malformed', 'args of a wipe need wipeId and scope')
  }
  return { ...command, type }
}
