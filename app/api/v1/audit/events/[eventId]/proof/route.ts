import { getTlogProof } from '#server/audit/queries.ts'
import { madeFileResponse } from '#server/http/file-response.ts'
import { apiRoute } from '#server/http/route.ts'

/** The event's `.tlog-proof` (c2sp.org/tlog-proof), as a file. */
export const GET = apiRoute({
  query: getTlogProof,
  view: ({ name, text }) => madeFileResponse(name, text),
})
