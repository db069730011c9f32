import { z } from 'zod'
import type { PersonActor } from '#server/kernel/actor.ts'
import { type Audited, type CommandContext, defineCommand } from '#server/kernel/command.ts'
import { AppError } from '#server/kernel/errors.ts'
import { parseInput } from '#server/kernel/fields.ts'
import { staleKeysIn } from '#server/kernel/keys.ts'
import { RECENT_FACTOR_MS } from '#server/kernel/step-up.ts'
import { hasFactor, replaceRecoveryCodes } from './factors.ts'
import { codeInput, counted, type Proof, requirePersonActor } from './second-factor.ts'
import { rotateSession } from './sessions.ts'
import { matchingStep, newSeed } from './totp.ts'

type Context = Pick<CommandContext<unknown>, 'tx' | 'tenantId' | 'vault'>

/**
 * Until a code confirms it the seed is sealed for the session that began: somebody else who knows the password neither sees
 * it nor slips in one of their own that the person then confirms.
 */
function waitingPlace({ personId, sessionId }: PersonActor): string[] {
  return ['totp_credential', 'seed', personId, sessionId]
}

/** The seed that waits for this session's code; null when none does, or another session began it. */
export async function openWaitingSeed({ tx, tenantId, vault }: Context, actor: PersonActor): Promise<Buffer | null> {
  const row = await tx.totpCredential.findFirst({
    where: { tenantId, personId: actor.personId, confirmedAt: null },
    select: { seed: true },
  })
  if (!row) return null
  const opened = await vault()
  try {
    return opened.open(row.seed, ...waitingPlace(actor))
  } catch (error) {
    if (staleKeysIn(error)) throw error
    // Another session's: this one begins anew.
    return null
  }
}

/** @throws AppError second_factor_required · conflict where there is nothing to enrol */
async function requireNoFactor({ tx, tenantId }: Context, actor: PersonActor): Promise<void> {
  if (actor.sessionState === 'second_factor') throw new AppError('second_factor_required')
  if (await hasFactor(tx, tenantId, actor.personId))
    throw new AppError('conflict', { detail: 'A second factor is enrolled already.' })
}

/**
 * The password was given a moment ago: a copied cookie must not get a factor of its own, by which it would then pass every step-up.
 * @throws AppError step_up_required with `stepUp: sign_in`
 */
async function requireRecentSignIn(
  { tx, tenantId, now }: Pick<CommandContext<unknown>, 'tx' | 'tenantId' | 'now'>,
  { personId, sessionId: id }: PersonActor,
): Promise<void> {
  const createdAt = { gte: new Date(now.getTime() - RECENT_FACTOR_MS) }
  if ((await tx.session.count({ where: { tenantId, id, personId, createdAt } })) === 1) return
  throw new AppError('step_up_required', { detail: 'Sign in again.', extra: { stepUp: 'sign_in' } })
}

/** Makes the seed of an authenticator app, to be confirmed by a code of this session; an earlier unconfirmed one ends. @throws AppError conflict when one is confirmed · step_up_required unless the sign-in is recent */
export const beginEnrolment = defineCommand({
  action: 'auth.second_factor.enroll',
  name: 'auth.second_factor.enroll.begin',
  permission: 'pending',
  risk: 'none',
  input: z.object({}),
  execute: async (context) => {
    const { tx, tenantId, now, vault } = context
    const actor = requirePersonActor(context.actor)
    await requireNoFactor(context, actor)
    await requireRecentSignIn(context, actor)
    const { personId } = actor
    const seed = new Uint8Array((await vault()).seal(newSeed(), ...waitingPlace(actor)))
    const fresh = { seed, lastStep: 0n, createdAt: now }
    await tx.totpCredential.upsert({
      where: { tenantId_personId: { tenantId, personId } },
      create: { tenantId, personId, ...fresh },
      update: fresh,
      select: { personId: true },
    })
    return {
      result: null,
      audit: { action: 'auth.second_factor.enroll', outcome: 'pending', detail: { method: 'totp' } },
    }
  },
})

type Enrolled = { token: string; recoveryCodes: string[] }

const enrol = defineCommand({
  action: 'auth.second_factor.enroll',
  permission: 'pending',
  risk: 'none',
  input: codeInput,
  execute: async (context) => {
    const { input, now } = context
    const actor = requirePersonActor(context.actor)
    await requireNoFactor(context, actor)
    await requireRecentSignIn(context, actor)
    const seed = await openWaitingSeed(context, actor)
    const step = seed && matchingStep(seed, input.code, now)
    if (!seed || step === null)
      return {
        result: { proven: false } as Proof<Enrolled>,
        audit: { action: 'auth.second_factor.enroll', outcome: 'denied' },
      }
    await confirmSeed(context, actor, { seed, step })
    const recoveryCodes = await replaceRecoveryCodes(context, actor.personId)
    const { token, wasPending } = await promote(context, actor)
    const audit: Audited[] = [
      { action: 'auth.second_factor.enroll', detail: { method: 'totp' } },
      { action: 'auth.recovery_codes.create' },
      ...(wasPending ? [{ action: 'auth.sign_in', detail: { method: 'password+totp' } } as const] : []),
    ]
    return { result: { proven: true, token, recoveryCodes } as Proof<Enrolled>, audit, notify: ['person', 'session'] }
  },
})

/** From now on the factor; its first code is used up. Of two confirmations one finds it waiting. */
async function confirmSeed(
  { tx, tenantId, now, vault }: CommandContext<unknown>,
  { personId }: PersonActor,
  { seed, step }: { seed: Uint8Array; step: number },
): Promise<void> {
  const sealed = new Uint8Array((await vault()).seal(seed, 'totp_credential', 'seed', personId))
  const { count } = await tx.totpCredential.updateMany({
    where: { tenantId, personId, confirmedAt: null },
    data: { seed: sealed, lastStep: BigInt(step), confirmedAt: now },
  })
  if (count !== 1) throw new AppError('conflict', { detail: 'A second factor is enrolled already.' })
}

async function promote(
  context: CommandContext<unknown>,
  actor: PersonActor,
): Promise<{ token: string; wasPending: boolean }> {
  const { tx, tenantId } = context
  // The actor's state may be the policy's word on an active session: what is stored decides what is rotated.
  const stored = await tx.session.findFirst({ where: { tenantId, id: actor.sessionId }, select: { state: true } })
  const wasPending = stored?.state === 'enroll_factor'
  const token = await rotateSession(context, actor, {
    state: wasPending ? 'enroll_factor' : 'active',
    keepPrevious: !wasPending,
  })
  return { token, wasPending }
}

/**
 * Confirms the authenticator app by a code: from now on it is asked for. Returns ten recovery codes, shown once, and the
 * session's new token. @throws AppError bad_credentials · rate_limited · conflict
 */
export async function confirmEnrolment(actor: PersonActor, input: z.input<typeof codeInput>): Promise<Enrolled> {
  const { code } = parseInput(codeInput, input)
  return counted(actor, () => enrol(actor, { code }))
}
