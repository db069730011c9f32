import { redirect } from 'next/navigation'
import { requireSameOrigin } from './action.ts'
import { readSessionToken, writeParkedTokens, writeSessionToken } from './cookies.ts'
import { parkedSessions } from './session.ts'

/** Makes another organisation of this browser the present one; the present one is parked. The token is looked up like any other. */
export async function switchOrganisation(organisationId: string): Promise<never> {
  await requireSameOrigin()
  const parked = await parkedSessions()
  const chosen = parked.find(({ signedIn }) => signedIn.organisation.id === organisationId)
  if (!chosen) redirect(`/sign-in?next=/`)
  const present = await readSessionToken()
  const others = parked.filter((one) => one !== chosen).map(({ token }) => token)
  await writeParkedTokens([...(present ? [present] : []), ...others])
  await writeSessionToken(chosen.token)
  redirect('/')
}
