import { pageActor } from '#server/http/session.ts'
import { NothingOfId } from './_nothing-of-id.tsx'

/** Inside the frame, which is the page's main part already: the way to the other places stays. */
export default async function NotFound() {
  const actor = await pageActor()
  return <NothingOfId canSearch={actor.permissions.has('audit:read')} />
}
