import { getWipeReceipt } from '#server/devices/queries.ts'
import { apiRoute } from '#server/http/route.ts'

/** The JWS as the device signed it, as a file. */
export const GET = apiRoute({
  handler: async ({ actor, params, requestId }) => {
    const jws = await getWipeReceipt(actor, { wipeId: params.wipeId ?? '' })
    const headers = {
      'content-type': 'application/jose',
      'content-disposition': `attachment; filename="receipt-${params.wipeId}.jws"`,
      'cache-control': 'private, no-store',
      'x-request-id': requestId,
    }
    return new Response(jws, { headers })
  },
})
