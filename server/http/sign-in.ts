import { headers } from 'next/headers'
import { beginEnrolment, signOut } from '#server/identity/commands.ts'
import { type Client, getEnrolment, signedInByToken } from '#server/identity/queries.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import { clientOf } from './client.ts'
import {
  dropSessionToken,
  readParkedTokens,
  readSessionToken,
  writeParkedTokens,
  writeSessionToken,
} from './cookies.ts'
import { type SignInResult, signInWithPassword } from './next-auth.ts'

type PasswordSignIn = Parameters<typeof signInWithPassword>[0]

/**
 * Signs this browser in and sets the session's cookie. The session it had is parked when it is of another organisation, and
 * ended when it is of the same: a sign-in never leaves a second live token behind.
 */
export async function signInBrowser(given: PasswordSignIn): Promise<SignInResult> {
  const client = clientOf(await headers())
  const result = await signInWithPassword(given, client)
  if (result.kind === 'signed_in') {
    await parkPresent(result.tenantId)
    await writeSessionToken(result.token)
    if (result.state === 'enroll_factor') await beginFor(result.token, client)
  }
  return result
}

/** Who must enrol a factor finds its secret ready on the next page, which only shows it. */
async function beginFor(token: string, client: Client): Promise<void> {
  const found = await signedInByToken(token, client)
  if (found && !(await getEnrolment(found.actor, {}))) await beginEnrolment(found.actor, {})
}

async function parkPresent(tenantId: string): Promise<void> {
  const client = clientOf(await headers())
  const present = await readSessionToken()
  const tokens = [...(present ? [present] : []), ...(await readParkedTokens())]
  if (tokens.length === 0) return
  const parked: string[] = []
  for (const token of tokens) {
    const found = await signedInByToken(token, client)
    if (!found) continue
    if (found.actor.tenantId !== tenantId && found.actor.sessionState === 'active') parked.push(token)
    else await signOut(found.actor, {})
  }
  await writeParkedTokens(parked)
}

/** Ends every session that this browser holds, and their cookies. Only in a server action or a route handler. */
export async function signOutBrowser(): Promise<void> {
  const client = clientOf(await headers())
  const present = await readSessionToken()
  for (const token of [...(present ? [present] : []), ...(await readParkedTokens())]) {
    const found = await signedInByToken(token, client)
    if (found) await signOut(found.actor, {})
  }
  await dropSessionToken()
}

/** Where a session's state sends the person next. */
export function afterSignIn({ sessionState }: Pick<PersonActor, 'sessionState'>, next: string | null): string {
  const query = next && next !== '/' ? `?next=${encodeURIComponent(next)}` : ''
  if (sessionState === 'second_factor') return `/sign-in/factor${query}`
  if (sessionState === 'enroll_factor') return `/sign-in/enrol${query}`
  return next ?? '/'
}
