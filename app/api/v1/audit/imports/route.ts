import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { importHistory } from '#server/audit/commands.ts'
import { getMapping } from '#server/audit/queries.ts'
import { importInput } from '#server/audit/schema.ts'
import { type ApiCall, apiRoute } from '#server/http/route.ts'
import { AppError } from '#server/kernel/errors.ts'
import { parseInput } from '#server/kernel/fields.ts'

const TYPES = ['text/csv', 'application/x-ndjson', 'application/octet-stream']

/** A file of history as the body, read as it comes: `?mapping=NAME` says how. Each batch is durable before the next is read. */
export const POST = apiRoute({
  handler: async ({ actor, request, query }: ApiCall) => {
    const { mapping, name, fileName, dryRun } = parseInput(importInput, query)
    const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()
    if (!type || !TYPES.includes(type))
      throw new AppError('unsupported_media_type', { detail: `Send the file as ${TYPES.join(', ')}.` })
    const { document } = await getMapping(actor, { name: mapping })
    // The same streams under two declarations, the browser's and Node's.
    const file = Readable.fromWeb((request.body ?? new Blob().stream()) as ReadableStream)
    return importHistory(actor, { file, fileName, mapping: document, name, dryRun })
  },
})
