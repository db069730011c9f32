import { getTranslations } from 'next-intl/server'
import { readUpload } from '#app/api/v1/files/upload.ts'
import { publishFile } from '#server/content/commands.ts'
import { signedInByRequest } from '#server/http/authenticate.ts'
import { isSameOrigin } from '#server/http/client.ts'
import { readEnv } from '#server/kernel/env.ts'
import { AppError, isAppError } from '#server/kernel/errors.ts'
import { fileFormError } from '../_form-errors.ts'

/** The console's own upload: the session's cookie counts only together with our own origin. Answers a form's state. */
export async function POST(request: Request): Promise<Response> {
  try {
    if (!isSameOrigin(request.headers, readEnv().url)) throw new AppError('forbidden')
    const found = await signedInByRequest(request)
    if (!found) throw new AppError('unauthenticated')
    const { id, name } = await publishFile(found.actor, await readUpload(request))
    const t = await getTranslations('files.new')
    return answer(201, { status: 'ok', id, message: t('done', { name }) })
  } catch (error) {
    // A wrong field is an answer of the form, not a failed request.
    const status = !isAppError(error) ? 500 : error.code === 'invalid' ? 200 : error.status
    return answer(status, await fileFormError(error))
  }
}

function answer(status: number, body: unknown): Response {
  return Response.json(body, { status, headers: { 'cache-control': 'private, no-store' } })
}
