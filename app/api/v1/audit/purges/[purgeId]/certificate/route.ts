import { getPurgeCertificate } from '#server/audit/queries.ts'
import { apiRoute } from '#server/http/route.ts'

/** The signed certificate of a purge, word for word, as `gatehouse verify` takes it. */
export const GET = apiRoute({
  query: getPurgeCertificate,
  view: ({ name, text }) =>
    new Response(text, {
      headers: {
        'content-type': 'text/plain; charset=utf-8',
        'content-disposition': `attachment; filename="${name}"`,
        'cache-control': 'private, no-store',
      },
    }),
})
