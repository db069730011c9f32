import { getPurgeCertificate } from '#server/audit/queries.ts'
import { madeFileResponse } from '#server/http/file-response.ts'
import { apiRoute } from '#server/http/route.ts'

/** The signed certificate of a purge, word for word, as `gatehouse verify` takes it. */
export const GET = apiRoute({
  query: getPurgeCertificate,
  view: ({ name, text }) => madeFileResponse(name, text),
})
