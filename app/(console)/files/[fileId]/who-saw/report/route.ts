import { getLocale, getTimeZone, getTranslations } from 'next-intl/server'
import { nameWords } from '#components/audit/name-words.ts'
import { sealWhoSaw } from '#server/audit/commands.ts'
import { signedInByRequest } from '#server/http/authenticate.ts'
import { isSameOrigin } from '#server/http/client.ts'
import { problemResponse } from '#server/http/problem.ts'
import { readEnv } from '#server/kernel/env.ts'
import { AppError } from '#server/kernel/errors.ts'
import { writeReport } from '../_report.ts'

/** The page's one button: the report as PDF and CSV in a sealed bundle. A form of our own page; writes `audit.export`. */
export async function POST(request: Request, { params }: { params: Promise<{ fileId: string }> }): Promise<Response> {
  try {
    if (!isSameOrigin(request.headers, readEnv().url)) throw new AppError('forbidden')
    const found = await signedInByRequest(request)
    if (found?.actor.sessionState !== 'active') throw new AppError('unauthenticated')
    const [{ fileId }, form] = [await params, await request.formData()]
    const [t, locale, timeZone] = [await getTranslations('whoSaw'), await getLocale(), await getTimeZone()]
    const { actor, organisation } = found
    const names = await getTranslations('names')
    const called = (name: string) => nameWords(names, name)
    const words = { t, locale, organisation: organisation.name, by: actor.name, called }
    const input = { fileId, from: textOf(form, 'from'), to: textOf(form, 'to'), timeZone }
    const { name, sizeBytes, content } = await sealWhoSaw(actor, input, (facts) => writeReport(words, facts))
    return new Response(content, {
      headers: {
        'content-type': 'application/zip',
        'content-length': String(sizeBytes),
        'content-disposition': `attachment; filename="${name}"`,
        'cache-control': 'private, no-store',
      },
    })
  } catch (error) {
    return problemResponse(error)
  }
}

function textOf(form: FormData, name: string): string | undefined {
  const value = form.get(name)
  return typeof value === 'string' && value !== '' ? value : undefined
}
