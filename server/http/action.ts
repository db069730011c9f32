import './wiring.ts'
import { refresh } from 'next/cache'
import { headers } from 'next/headers'
import { redirect } from 'next/navigation'
import type { FormState } from '#components/form/form-state.ts'
import { confirmFactor } from '#server/identity/commands.ts'
import type { Actor, PersonActor } from '#server/kernel/actor.ts'
import type { CommandSummary } from '#server/kernel/command.ts'
import { readEnv } from '#server/kernel/env.ts'
import { AppError } from '#server/kernel/errors.ts'
import { isSameOrigin } from './client.ts'
import { writeFlash, writeSessionToken } from './cookies.ts'
import { formError, isStepUp, stepUpState } from './form-errors.ts'
import { personFromRequest } from './session.ts'

type AnyCommand<I, R> = {
  (actor: Actor, input: I, options?: { stepUpGrantId?: string | undefined }): Promise<R>
  readonly summary: CommandSummary
  requestHash(input: unknown): Uint8Array
}

/** What a form shows after success: a page to go to, a sentence to say (there, or on this page). */
export type Success = { redirectTo?: string; message?: string }

type ActionOptions<I, R> = {
  command: AnyCommand<I, R>
  /** As the form has it: the command parses it. */
  input: unknown
  /** Carries the second factor as `code` or `factorCode` where the command asks for one. */
  form: FormData
  success?: Success | ((result: R) => Success | Promise<Success>)
}

/**
 * A server action of a form around one command: checks where the request comes from, who asks, confirms the second factor
 * when the command wants it, and answers in the reader's language. Errors never leave it as exceptions.
 */
export async function runAction<I, R>({ command, input, form, success = {} }: ActionOptions<I, R>): Promise<FormState> {
  return withPerson(async (actor) => {
    // The command parses its input again: what the form sent has no type before.
    const typed = input as I
    const { actor: confirmed, grantId } = await confirmFor(actor, command, typed, codeOf(form))
    const result = await command(confirmed, typed, { stepUpGrantId: grantId })
    return typeof success === 'function' ? success(result) : success
  })
}

function codeOf(form: FormData): string | undefined {
  const code = form.get('factorCode') ?? form.get('code')
  return typeof code === 'string' && code.trim() !== '' ? code : undefined
}

/** The second factor, where the command asks for it. The input is parsed first: a code is not used up for a typing mistake. */
async function confirmFor<I, R>(
  actor: PersonActor,
  command: AnyCommand<I, R>,
  input: I,
  code: string | undefined,
): Promise<{ actor: PersonActor; grantId: string | undefined }> {
  const requestHash = command.requestHash(input)
  const { stepUp } = command.summary
  if (stepUp === 'none' || (stepUp === 'recent' && !code)) return { actor, grantId: undefined }
  if (!code) throw new AppError('step_up_required')
  const confirmed = await confirmFactor(actor, stepUp === 'fresh' ? { code, requestHash } : { code })
  await writeSessionToken(confirmed.token)
  return { actor: confirmed.actor, grantId: confirmed.grantId ?? undefined }
}

/**
 * The frame of every server action: origin, person, errors. `act` does the work and says what to show.
 * The person may be in a pending state: whatever is called decides.
 */
export async function withPerson(act: (actor: PersonActor) => Promise<Success>): Promise<FormState> {
  return answering(async () => {
    const actor = await personFromRequest()
    if (!actor) throw new AppError('unauthenticated', { detail: 'Your session has ended. Sign in again.' })
    return act(actor)
  })
}

/** The same for forms of people who are not signed in. */
export async function answering(act: () => Promise<Success>): Promise<FormState> {
  const answer = await attempt(act)
  if ('status' in answer) return answer
  const { redirectTo, message } = answer
  if (redirectTo) {
    if (message) await writeFlash(message)
    redirect(redirectTo)
  }
  refresh()
  return message ? { status: 'ok', message } : { status: 'ok' }
}

async function attempt(act: () => Promise<Success>): Promise<Success | Extract<FormState, { status: 'error' }>> {
  try {
    await requireSameOrigin()
    return await act()
  } catch (error) {
    return isStepUp(error) ? stepUpState() : formError(error)
  }
}

/** @throws AppError forbidden when the request does not come from our own pages */
export async function requireSameOrigin(): Promise<void> {
  if (isSameOrigin(await headers(), readEnv().url)) return
  throw new AppError('forbidden', { detail: 'This request does not come from the console’s own pages.' })
}
