import { type ApiCall, apiRoute } from '#server/http/route.ts'
import { asTus, deleteByTus, describeTus, headByTus, overrideByTus, patchByTus, type TusRequest } from '../tus.ts'

type Context = { params: Promise<Record<string, string>> }

function tusRoute(perform: (request: TusRequest) => Promise<Response>) {
  const route = apiRoute({
    handler: ({ actor, request, params }: ApiCall) => perform({ actor, request, uploadId: params.uploadId ?? '' }),
  })
  return async (request: Request, context: Context): Promise<Response> => asTus(await route(request, context))
}

export const HEAD = tusRoute(headByTus)
export const PATCH = tusRoute(patchByTus)
export const DELETE = tusRoute(deleteByTus)
/** For clients that can send nothing else: `X-HTTP-Method-Override` says what is meant. */
export const POST = tusRoute(overrideByTus)

export function OPTIONS(): Response {
  return describeTus()
}
