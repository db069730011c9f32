/** Why a signed or sealed thing was refused. Codes are stable: they stand in events and in tests. */
export type DeviceProtocolErrorCode =
  | 'malformed'
  | 'wrong_type'
  | 'wrong_algorithm'
  | 'unknown_key'
  | 'bad_signature'
  | 'wrong_tenant'
  | 'wrong_device'
  | 'wrong_enrollment'
  | 'wrong_file'
  | 'wrong_release'
  | 'wrong_command'
  | 'wrong_nonce'
  | 'wrong_key'
  | 'wrong_method'
  | 'wrong_url'
  | 'wrong_token'
  | 'expired'
  | 'unsupported_type'
  | 'cannot_open'
  | 'use_dpop_nonce'

/** A message that must not be believed. `message` says got and expected and holds no secret. */
export class DeviceProtocolError extends Error {
  readonly code: DeviceProtocolErrorCode

  constructor(code: DeviceProtocolErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'DeviceProtocolError'
    this.code = code
  }
}

/** Throws `code` with both values where they differ. */
export function expectSame(code: DeviceProtocolErrorCode, name: string, got: unknown, expected: unknown): void {
  if (got !== expected) {
    throw new DeviceProtocolError(code, `${name} is ${JSON.stringify(got)}, expected ${JSON.stringify(expected)}`)
  }
}
