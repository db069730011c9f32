import { getCheckpointNote } from '#server/audit/queries.ts'
import { madeFileResponse } from '#server/http/file-response.ts'
import { apiRoute } from '#server/http/route.ts'

/** The newest signed checkpoint (c2sp.org/tlog-checkpoint) with its cosignatures, as a file. */
export const GET = apiRoute({
  query: getCheckpointNote,
  view: ({ name, text }) => madeFileResponse(name, text),
})
