import { downloadCheckpoints } from '#server/audit/queries.ts'
import { madeFileResponse } from '#server/http/file-response.ts'
import { apiRoute } from '#server/http/route.ts'

/** Every checkpoint of an epoch, as it stands outside of the database: NDJSON, oldest first. */
export const GET = apiRoute({
  query: downloadCheckpoints,
  view: ({ name, body }) => madeFileResponse(name, body, 'application/x-ndjson'),
})
