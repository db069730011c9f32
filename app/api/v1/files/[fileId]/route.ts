import { deleteFile } from '#server/content/commands.ts'
import { getFile } from '#server/content/queries.ts'
import { apiRoute } from '#server/http/route.ts'

export const GET = apiRoute({ query: getFile })

/** Needs a `reason`, in a JSON body or the query string; it passes the brake, and asked by a key it waits for a person. */
export const DELETE = apiRoute({
  command: deleteFile,
  status: 202,
  input: ({ params, query }, body) => ({ reason: query.reason, ...body, fileId: params.fileId }),
})
