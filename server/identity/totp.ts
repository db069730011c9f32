import { Secret, TOTP } from 'otpauth'
import type { EnrolmentView } from './schema.ts'

const PERIOD_S = 30
const SEED_BYTES = 20

// What every authenticator app understands: RFC 6238 with SHA-1, six digits, 30 seconds.
const PARAMETERS = { algorithm: 'SHA1', digits: 6, period: PERIOD_S } as const

/** 160 random bits (RFC 4226 section 4, R6). */
export function newSeed(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(SEED_BYTES))
}

/** The typed secret and the URI behind the QR code. */
export function enrolmentOf(seed: Uint8Array, account: string, organisation: string): EnrolmentView {
  const secret = secretOf(seed)
  // A colon separates issuer and account in the URI's label.
  const totp = new TOTP({
    ...PARAMETERS,
    issuer: `Gatehouse ${organisation.replaceAll(':', ' ')}`,
    label: account,
    secret,
  })
  return { secret: secret.base32, uri: totp.toString() }
}

/** The time step for which `code` is right, at most one step off; null when it is wrong. The caller claims the step. */
export function matchingStep(seed: Uint8Array, code: string, at: Date): number | null {
  const delta = new TOTP({ ...PARAMETERS, secret: secretOf(seed) }).validate({
    token: code,
    timestamp: at.getTime(),
    window: 1,
  })
  return delta === null ? null : Math.floor(at.getTime() / 1_000 / PERIOD_S) + delta
}

function secretOf(seed: Uint8Array): Secret {
  return new Secret({ buffer: new Uint8Array(seed).buffer })
}
