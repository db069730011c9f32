import { publishFile } from '#server/content/commands.ts'
import { listFiles } from '#server/content/queries.ts'
import { apiRoute } from '#server/http/route.ts'
import { readUpload } from './upload.ts'

export const GET = apiRoute({ query: listFiles })

/** multipart/form-data: `file`, and optionally `name`, `mediaType`, `labels` and `audience` (repeated, or separated by commas). */
export const POST = apiRoute({
  status: 201,
  handler: async ({ actor, request, idempotencyKey }) =>
    publishFile(actor, await readUpload(request), { idempotencyKey }),
})
