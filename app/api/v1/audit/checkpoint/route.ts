import { getCheckpointNote } from '#server/audit/queries.ts'
import { apiRoute } from '#server/http/route.ts'

/** The newest signed checkpoint (c2sp.org/tlog-checkpoint) with its cosignatures, as a file. */
export const GET = apiRoute({
  query: getCheckpointNote,
  view: ({ name, text }) =>
    new Response(text, {
      headers: {
        'content-type': 'text/plain; charset=utf-8',
        'content-disposition': `attachment; filename="${name}"`,
        'cache-control': 'private, no-store',
      },
    }),
})
