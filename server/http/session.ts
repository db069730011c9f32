import './wiring.ts'
import { headers } from 'next/headers'
import { redirect } from 'next/navigation'
import { cache } from 'react'
import { type SignedIn, signedInByToken } from '#server/identity/queries.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import { clientOf, pathOf } from './client.ts'
import { readParkedTokens, readSessionToken } from './cookies.ts'

/** Who is signed in, pending states included; looked up once per request. */
export const signedIn = cache(async (): Promise<SignedIn | null> => {
  const token = await readSessionToken()
  return token ? signedInByToken(token, clientOf(await headers())) : null
})

/** The person of the request, also before their second factor; null for nobody. */
export async function personFromRequest(): Promise<PersonActor | null> {
  return (await signedIn())?.actor ?? null
}

/**
 * The signed-in person of a page. Sends everybody else where they have to go first. It authenticates; what the person may
 * see and do is decided by each query and command.
 */
export async function pageSignedIn(): Promise<SignedIn> {
  const found = await signedIn()
  const next = `?next=${encodeURIComponent(pathOf(await headers()))}`
  if (!found) redirect(`/sign-in${next}`)
  if (found.actor.sessionState === 'second_factor') redirect(`/sign-in/factor${next}`)
  if (found.actor.sessionState === 'enroll_factor') redirect(`/sign-in/enrol${next}`)
  return found
}

export async function pageActor(): Promise<PersonActor> {
  return (await pageSignedIn()).actor
}

/** The other organisations that this browser is signed in to, with their tokens. */
export const parkedSessions = cache(async (): Promise<{ token: string; signedIn: SignedIn }[]> => {
  const client = clientOf(await headers())
  const found = await Promise.all(
    (await readParkedTokens()).map(async (token) => ({ token, signedIn: await signedInByToken(token, client) })),
  )
  return found.flatMap(({ token, signedIn: other }) => (other ? [{ token, signedIn: other }] : []))
})
