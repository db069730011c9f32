import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { importHistory } from '#server/audit/commands.ts'
import { getMapping } from '#server/audit/queries.ts'
import { type ImportAnswer, importInput } from '#server/audit/schema.ts'
import type { Actor } from '#server/kernel/actor.ts'
import { parseInput } from '#server/kernel/fields.ts'

type ImportCall = { actor: Actor; request: Request; query: Record<string, string> }

/** Imports the body as it comes, by a saved mapping. @throws AppError invalid · not_found · forbidden */
export async function importBody({ actor, request, query }: ImportCall): Promise<ImportAnswer> {
  const { mapping, name, fileName, dryRun } = parseInput(importInput, query)
  const { document } = await getMapping(actor, { name: mapping })
  // The same streams under two declarations, the browser's and Node's.
  const file = Readable.fromWeb((request.body ?? new Blob().stream()) as ReadableStream)
  return importHistory(actor, { file, fileName, mapping: document, name, dryRun })
}
