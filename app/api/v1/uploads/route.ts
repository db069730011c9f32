import { type ApiCall, apiRoute } from '#server/http/route.ts'
import { asTus, createByTus, describeTus } from './tus.ts'

type Context = { params: Promise<Record<string, string>> }

const create = apiRoute({ handler: (call: ApiCall) => createByTus(call, '/api/v1/uploads') })

/** Begins a resumable upload (tus 1.0.0); what is complete is published with `POST /files {uploadId, …}`. */
export async function POST(request: Request, context: Context): Promise<Response> {
  return asTus(await create(request, context))
}

export function OPTIONS(): Response {
  return describeTus()
}
