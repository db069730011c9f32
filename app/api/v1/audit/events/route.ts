import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { recordAppEvents } from '#server/audit/commands.ts'
import { searchAudit } from '#server/audit/queries.ts'
import { APP_EVENT_LIMITS } from '#server/audit/schema.ts'
import { readLines } from '#server/http/lines.ts'
import { type ApiCall, apiRoute } from '#server/http/route.ts'
import { AppError } from '#server/kernel/errors.ts'

export const GET = apiRoute({ query: searchAudit })

/** NDJSON, an event a line; durable when it is answered. */
export const POST = apiRoute({ handler: async (call) => recordAppEvents(call.actor, await linesOf(call)) })

async function linesOf({ request }: ApiCall): Promise<Iterable<string>> {
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/x-ndjson')
    throw new AppError('unsupported_media_type', { detail: 'Send application/x-ndjson, an event a line.' })
  if (!request.body) return []
  // The same streams under two declarations, the browser's and Node's.
  return readLines(Readable.fromWeb(request.body as ReadableStream), APP_EVENT_LIMITS)
}
