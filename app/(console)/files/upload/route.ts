import { getTranslations } from 'next-intl/server'
import { describeFile } from '#app/api/v1/files/form-fields.ts'
import { publishFile } from '#server/content/commands.ts'
import { readBytes } from '#server/http/body.ts'
import { isAppError } from '#server/kernel/errors.ts'
import { fileFormError } from '../_form-errors.ts'
import { requireOwnPage } from '../_session.ts'

const MAX_FORM_BYTES = 256 * 1024

/** Publishes an upload that is complete. Answers a form's state; sent again after a lost answer, it answers the same. */
export async function POST(request: Request): Promise<Response> {
  try {
    const actor = await requireOwnPage(request)
    const fields = await readFields(request)
    const uploadId = fields.get('uploadId')?.[0] ?? ''
    const described = describeFile(fields, { filename: undefined, mimeType: '' })
    const { id, name } = await publishFile(actor, { ...described, uploadId }, { idempotencyKey: uploadId || undefined })
    const t = await getTranslations('files.new')
    return answer(201, { status: 'ok', id, message: t('done', { name }) })
  } catch (error) {
    // A wrong field is an answer of the form, not a failed request.
    const status = !isAppError(error) ? 500 : error.code === 'invalid' ? 200 : error.status
    return answer(status, await fileFormError(error))
  }
}

async function readFields(request: Request): Promise<Map<string, string[]>> {
  const bytes = await readBytes(request, MAX_FORM_BYTES)
  const form = await new Response(bytes, {
    headers: { 'content-type': request.headers.get('content-type') ?? '' },
  }).formData()
  const names = [...new Set(form.keys())]
  return new Map(names.map((name) => [name, form.getAll(name).filter((value) => typeof value === 'string')]))
}

function answer(status: number, body: unknown): Response {
  return Response.json(body, { status, headers: { 'cache-control': 'private, no-store' } })
}
