import { deleteMapping, saveMapping } from '#server/audit/commands.ts'
import { getMapping } from '#server/audit/queries.ts'
import { apiRoute } from '#server/http/route.ts'

export const GET = apiRoute({ query: getMapping })

/** Saves the document under the name in the path. */
export const PUT = apiRoute({
  command: saveMapping,
  input: ({ params }, body) => ({ document: { ...body, name: params.name } }),
})

export const DELETE = apiRoute({ command: deleteMapping })
