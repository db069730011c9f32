import { z } from 'zod'
import { uuidv7 } from '#lib/uuid.ts'
import type { Actor, PersonActor } from '#server/kernel/actor.ts'
import { type Audited, defineCommand } from '#server/kernel/command.ts'
import { AppError } from '#server/kernel/errors.ts'
import { parseInput } from '#server/kernel/fields.ts'
import { dropFactors, type FactorMethod, hasFactor, proveFactor, replaceRecoveryCodes } from './factors.ts'
import { countFactor, forgiveFactor } from './limits.ts'
import { factorCode } from './schema.ts'
import { mustEnrol, rotateSession } from './sessions.ts'

const GRANT_MS = 5 * 60_000
export const codeInput = z.object({ code: factorCode })

/** A wrong code is an entry of its own, so it commits; the caller turns it into the refusal. */
export type Proof<T> = { proven: false } | ({ proven: true } & T)

function wrongCode(): AppError {
  return new AppError('bad_credentials', {
    detail: 'This code is wrong or was used already. Wait for the next one.',
    fields: { code: 'is wrong or was used already' },
  })
}

export function requirePersonActor(actor: Actor): PersonActor {
  if (actor.kind !== 'person') throw new AppError('person_required', { detail: 'Only a person has a second factor.' })
  return actor
}

/** Counts a try, and turns a wrong code into the refusal once its entry is written. */
export async function counted<T>(actor: PersonActor, attempt: () => Promise<Proof<T>>): Promise<T> {
  await countFactor(actor.personId)
  const answer = await attempt()
  if (!answer.proven) throw wrongCode()
  await forgiveFactor(actor.personId)
  return answer
}

/** The entries of a proven factor: a recovery code is gone afterwards, which its owner should see. */
function challengeEntries(action: 'auth.second_factor.challenge' | 'auth.step_up', method: FactorMethod): Audited[] {
  const used: Audited[] = method === 'recovery_code' ? [{ action: 'auth.recovery_code.use' }] : []
  return [{ action, detail: { method } }, ...used]
}

const challenge = defineCommand({
  action: 'auth.second_factor.challenge',
  permission: 'pending',
  risk: 'none',
  input: codeInput,
  execute: async (context) => {
    const actor = requirePersonActor(context.actor)
    if (actor.sessionState !== 'second_factor')
      throw new AppError('conflict', { detail: 'This session does not wait for a second factor.' })
    const method = await proveFactor(context, { personId: actor.personId, code: context.input.code })
    if (!method)
      return {
        result: { proven: false } as Proof<{ token: string }>,
        audit: { action: 'auth.second_factor.challenge', outcome: 'denied' },
      }
    const token = await rotateSession(context, actor, { state: 'second_factor', keepPrevious: false })
    const signedIn: Audited = { action: 'auth.sign_in', detail: { method: `password+${method}` } }
    return {
      result: { proven: true, token } as Proof<{ token: string }>,
      audit: [...challengeEntries('auth.second_factor.challenge', method), signedIn],
      notify: ['session'],
    }
  },
})

/**
 * Passes the second factor of a pending session and gives it a new token.
 * @throws AppError bad_credentials · rate_limited · conflict
 */
export async function passSecondFactor(
  actor: PersonActor,
  input: z.input<typeof codeInput>,
): Promise<{ token: string }> {
  const { code } = parseInput(codeInput, input)
  return counted(actor, () => challenge(actor, { code }))
}

type StepUp = { token: string; grantId: string | null; method: FactorMethod; factorAt: Date }

const stepUp = defineCommand({
  action: 'auth.step_up',
  permission: 'self',
  risk: 'none',
  input: codeInput.extend({
    requestHash: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .optional(),
  }),
  execute: async (context) => {
    const { tx, tenantId, input, now } = context
    const actor = requirePersonActor(context.actor)
    if (!(await hasFactor(tx, tenantId, actor.personId)))
      throw new AppError('factor_enrollment_required', {
        detail: 'This needs a second factor: enrol one on your account page first.',
      })
    const method = await proveFactor(context, { personId: actor.personId, code: input.code })
    if (!method)
      return { result: { proven: false } as Proof<StepUp>, audit: { action: 'auth.step_up', outcome: 'denied' } }
    const token = await rotateSession(context, actor, { state: 'active', keepPrevious: true })
    // What was confirmed and never used goes with the next confirmation.
    await tx.stepUpGrant.deleteMany({ where: { tenantId, sessionId: actor.sessionId, expiresAt: { lte: now } } })
    const grantId = input.requestHash ? uuidv7(now.getTime()) : null
    if (grantId && input.requestHash) {
      const requestHash = new Uint8Array(Buffer.from(input.requestHash, 'hex'))
      await tx.stepUpGrant.create({
        data: {
          tenantId,
          id: grantId,
          sessionId: actor.sessionId,
          requestHash,
          method,
          expiresAt: new Date(now.getTime() + GRANT_MS),
        },
        select: { id: true },
      })
    }
    return {
      result: { proven: true, token, grantId, method, factorAt: now } as Proof<StepUp>,
      audit: challengeEntries('auth.step_up', method),
    }
  },
})

/** A step-up: the new token of the session, the grant for exactly one request, and the actor as it is now. */
export type Confirmed = { token: string; grantId: string | null; method: FactorMethod; actor: PersonActor }

/**
 * Proves the second factor again. With `requestHash` (`command.requestHash(input)`) it makes a grant for exactly that request;
 * either way the session counts as recently confirmed. The session's token changes: the caller must set the cookie.
 * @throws AppError bad_credentials · rate_limited · factor_enrollment_required
 */
export async function confirmFactor(
  actor: PersonActor,
  { code: raw, requestHash }: { code: string; requestHash?: Uint8Array },
): Promise<Confirmed> {
  const { code } = parseInput(codeInput, { code: raw })
  const hash = requestHash && Buffer.from(requestHash).toString('hex')
  const { token, grantId, method, factorAt } = await counted(actor, () =>
    stepUp(actor, { code, ...(hash ? { requestHash: hash } : {}) }),
  )
  return { token, grantId, method, actor: { ...actor, factorAt } }
}

/** Ten new recovery codes in place of the old ones. */
export const regenerateRecoveryCodes = defineCommand({
  action: 'auth.recovery_codes.create',
  permission: 'self',
  risk: 'none',
  stepUp: 'fresh',
  input: z.object({}),
  execute: async (context) => {
    const { personId } = requirePersonActor(context.actor)
    return {
      result: { recoveryCodes: await replaceRecoveryCodes(context, personId) },
      audit: { action: 'auth.recovery_codes.create' },
    }
  },
})

/** Takes one's own second factor away. A guard. @throws AppError policy_forbids where the policy asks for one */
export const removeSecondFactor = defineCommand({
  action: 'auth.second_factor.remove',
  permission: 'self',
  risk: 'guard',
  input: z.object({}),
  execute: async ({ tx, tenantId, actor: anyone, now }) => {
    const { personId } = requirePersonActor(anyone)
    if (await mustEnrol(tx, tenantId, now))
      throw new AppError('policy_forbids', { detail: 'The policy of your organisation asks for a second factor.' })
    if (!(await dropFactors(tx, tenantId, personId)))
      throw new AppError('conflict', { detail: 'No second factor is enrolled.' })
    return { result: null, audit: { action: 'auth.second_factor.remove' }, notify: ['person'] }
  },
})
