import { type ApiCall, apiRoute } from '#server/http/route.ts'
import { AppError } from '#server/kernel/errors.ts'
import { importBody } from './import-body.ts'

const TYPES = ['text/csv', 'application/x-ndjson', 'application/octet-stream']

/** A file of history as the body, read as it comes: `?mapping=NAME` says how. Each batch is durable before the next is read. */
export const POST = apiRoute({
  handler: async (call: ApiCall) => {
    const type = call.request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()
    if (!type || !TYPES.includes(type))
      throw new AppError('unsupported_media_type', { detail: `Send the file as ${TYPES.join(', ')}.` })
    return importBody(call)
  },
})
