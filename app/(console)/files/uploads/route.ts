import { asTus, createByTus } from '#app/api/v1/uploads/tus.ts'
import { problemResponse } from '#server/http/problem.ts'
import { requireOwnPage } from '../_session.ts'

/** The console's own uploads: the API's protocol, for the person who is signed in. */
export async function POST(request: Request): Promise<Response> {
  try {
    return asTus(await createByTus({ actor: await requireOwnPage(request), request }, '/files/uploads'))
  } catch (error) {
    return asTus(problemResponse(error))
  }
}
