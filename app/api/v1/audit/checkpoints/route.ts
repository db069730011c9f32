import { downloadCheckpoints } from '#server/audit/queries.ts'
import { apiRoute } from '#server/http/route.ts'

/** Every checkpoint of an epoch, as it stands outside of the database: NDJSON, oldest first. */
export const GET = apiRoute({
  query: downloadCheckpoints,
  view: ({ name, body }) =>
    new Response(body, {
      headers: {
        'content-type': 'application/x-ndjson',
        'content-disposition': `attachment; filename="${name}"`,
        'cache-control': 'private, no-store',
      },
    }),
})
