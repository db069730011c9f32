import { previewImport } from '#server/audit/commands.ts'
import { readBytes } from '#server/http/body.ts'
import { problemResponse } from '#server/http/problem.ts'
import { AppError } from '#server/kernel/errors.ts'
import { requireOwnPage } from '../../../files/_session.ts'

const MAX_FORM_BYTES = 1024 * 1024

/** The first rows of a file as a mapping reads them: `mapping` as JSON, `beginning` of the file, `whole` when that is all of it. */
export async function POST(request: Request): Promise<Response> {
  try {
    const actor = await requireOwnPage(request)
    const headers = { 'content-type': request.headers.get('content-type') ?? '' }
    const form = await new Response(await readBytes(request, MAX_FORM_BYTES), { headers }).formData()
    const file = form.get('beginning')
    const beginning = file instanceof File ? new Uint8Array(await file.arrayBuffer()) : new Uint8Array()
    const mapping = parseMapping(form.get('mapping'))
    const preview = await previewImport(actor, { beginning, isWhole: form.has('whole'), mapping })
    return Response.json(preview, { headers: { 'cache-control': 'private, no-store' } })
  } catch (error) {
    return problemResponse(error)
  }
}

function parseMapping(text: FormDataEntryValue | null): unknown {
  try {
    return JSON.parse(String(text)) as unknown
  } catch (cause) {
    throw new AppError('invalid', { detail: 'mapping: is not JSON', fields: { mapping: 'is not JSON' }, cause })
  }
}
