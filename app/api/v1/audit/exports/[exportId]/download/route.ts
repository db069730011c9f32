import { openExport } from '#server/exports/queries.ts'
import { fileResponse } from '#server/http/file-response.ts'
import { apiRoute } from '#server/http/route.ts'

/** The bundle, whole or by ranges. */
export const GET = apiRoute({
  handler: async ({ actor, params, request }) => fileResponse(request, await openExport(actor, params.exportId ?? '')),
})
