import { randomBytes } from 'node:crypto'
import { Secret, TOTP } from 'otpauth'
import {
  acceptInvitationWithPassword,
  beginEnrolment,
  confirmEnrolment,
  confirmFactor,
  openSession,
  verifyCredentials,
} from '#server/identity/commands.ts'
import { getEnrolment, signedInByToken } from '#server/identity/queries.ts'
import type { PersonActor } from '#server/kernel/actor.ts'

const STEP_MS = 30_000

/** Somebody who is signed in with a second factor, and can give its codes. */
export type Signed = { actor: PersonActor; secret: string }

/** The code of `steps` half minutes from now; each is good once, and up to one half minute early or late. */
export function codeOf(secret: string, steps: number): string {
  return new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: Date.now() + steps * STEP_MS })
}

type Account = { email: string; password: string; address: string }

/** Accepts an invitation with a password of its own. Addresses differ: one that accepts many is held up, as it should be. */
export async function accept(url: string, address: string): Promise<string> {
  const password = randomBytes(18).toString('base64url')
  const token = url.slice(url.lastIndexOf('/') + 1)
  await acceptInvitationWithPassword({ token, password }, { address, userAgent: BROWSER })
  return password
}

/** Signs in as a browser would, and enrols an authenticator. */
export async function signIn({ email, password, address }: Account): Promise<Signed> {
  const client = { address, userAgent: BROWSER }
  const verified = await verifyCredentials({ email, password }, client)
  if (verified.kind !== 'one') throw new Error(`${email} is in several organisations`)
  const { actor } = await openSession({ ...verified, client, method: 'password' })
  await beginEnrolment(actor, {})
  const enrolment = await getEnrolment(actor, {})
  if (!enrolment) throw new Error('the enrolment of the authenticator is gone')
  const { token } = await confirmEnrolment(actor, { code: codeOf(enrolment.secret, -1) })
  const signedIn = await signedInByToken(token, client)
  if (!signedIn) throw new Error(`the session of ${email} is gone`)
  return { actor: signedIn.actor, secret: enrolment.secret }
}

/** Proves the second factor for exactly this request. */
export async function stepUp<I>(
  { actor, secret }: Signed,
  command: { requestHash(input: I): Uint8Array },
  input: I,
): Promise<{ stepUpGrantId: string }> {
  const { grantId } = await confirmFactor(actor, { code: codeOf(secret, 0), requestHash: command.requestHash(input) })
  if (!grantId) throw new Error('no grant was given')
  return { stepUpGrantId: grantId }
}

const BROWSER =
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Safari/537.36'
