import type { z } from 'zod'
import { publishFile } from '#server/content/commands.ts'
import { listFiles } from '#server/content/queries.ts'
import type { publishFileInput } from '#server/content/schema.ts'
import { readJson } from '#server/http/body.ts'
import { apiRoute } from '#server/http/route.ts'
import { publishForm } from './upload.ts'

export const GET = apiRoute({ query: listFiles })

/**
 * Either multipart/form-data: `file`, and optionally `name`, `mediaType`, `labels` and `audience` (repeated, or separated by
 * commas); or JSON with the `uploadId` of an upload that is complete.
 */
export const POST = apiRoute({
  status: 201,
  handler: async ({ actor, request, idempotencyKey }) => {
    const isJson = /^application\/json\b/i.test(request.headers.get('content-type') ?? '')
    if (!isJson) return publishForm({ actor, request, idempotencyKey })
    // The command parses it: until then it has no type.
    return publishFile(actor, (await readJson(request)) as z.input<typeof publishFileInput>, { idempotencyKey })
  },
})
