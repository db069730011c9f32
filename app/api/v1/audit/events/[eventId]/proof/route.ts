import { getTlogProof } from '#server/audit/queries.ts'
import { apiRoute } from '#server/http/route.ts'

/** The event's `.tlog-proof` (c2sp.org/tlog-proof), as a file. */
export const GET = apiRoute({
  query: getTlogProof,
  view: ({ name, text }) =>
    new Response(text, {
      headers: {
        'content-type': 'text/plain; charset=utf-8',
        'content-disposition': `attachment; filename="${name}"`,
        'cache-control': 'private, no-store',
      },
    }),
})
