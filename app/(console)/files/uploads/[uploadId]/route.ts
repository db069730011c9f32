import { asTus, deleteByTus, headByTus, patchByTus, type TusRequest } from '#app/api/v1/uploads/tus.ts'
import { problemResponse } from '#server/http/problem.ts'
import { requireOwnPage } from '../../_session.ts'

type Context = { params: Promise<{ uploadId: string }> }

function ownRoute(perform: (request: TusRequest) => Promise<Response>) {
  return async (request: Request, { params }: Context): Promise<Response> => {
    try {
      const { uploadId } = await params
      return asTus(await perform({ actor: await requireOwnPage(request), request, uploadId }))
    } catch (error) {
      return asTus(problemResponse(error))
    }
  }
}

export const HEAD = ownRoute(headByTus)
export const PATCH = ownRoute(patchByTus)
export const DELETE = ownRoute(deleteByTus)
