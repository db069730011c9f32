import { importBody } from '#app/api/v1/audit/imports/import-body.ts'
import { problemResponse } from '#server/http/problem.ts'
import { requireOwnPage } from '../../../files/_session.ts'

/** Imports the body by the mapping saved under `?mapping=`; read as it comes, so that the browser's progress is the log's. */
export async function POST(request: Request): Promise<Response> {
  try {
    const actor = await requireOwnPage(request)
    const query = Object.fromEntries(new URL(request.url).searchParams)
    const answer = await importBody({ actor, request, query })
    return Response.json(answer, { headers: { 'cache-control': 'private, no-store' } })
  } catch (error) {
    return problemResponse(error)
  }
}
