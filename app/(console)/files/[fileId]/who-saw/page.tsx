import type { Metadata } from 'next'
import { redirect } from 'next/navigation'
import { getTimeZone, getTranslations } from 'next-intl/server'
import { Suspense } from 'react'
import { ButtonLink } from '#components/ui/link.tsx'
import { Page } from '#components/ui/page.tsx'
import { NotPermitted, SkeletonRows } from '#components/ui/states.tsx'
import type { PageParams } from '#lib/search-params.ts'
import { pageActor } from '#server/http/session.ts'
import { fileOr404 } from '../../_file.ts'
import { Answer } from './_components/answer.tsx'
import { PeriodForm } from './_components/period-form.tsx'
import { fixedHref, periodOf } from './_period.ts'

type Props = { params: Promise<{ fileId: string }>; searchParams: Promise<PageParams> }

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('whoSaw'))('title') }
}

/** Who saw a file, and what the answer rests on. */
export default async function WhoSawPage({ params, searchParams }: Props) {
  const [actor, t, { fileId }, query, timeZone] = await Promise.all([
    pageActor(),
    getTranslations('whoSaw'),
    params,
    searchParams,
    getTimeZone(),
  ])
  const files = await getTranslations('files')
  const list = { label: files('title'), href: '/files' }
  const missing = (['content:read', 'audit:read'] as const).find((permission) => !actor.permissions.has(permission))
  if (missing) {
    return (
      <Page crumbs={[list, { label: t('title') }]}>
        <NotPermitted permission={missing} />
      </Page>
    )
  }
  const file = await fileOr404(actor, fileId)
  const period = periodOf(query, timeZone)
  const fixed = fixedHref(`/files/${file.id}/who-saw`, query, period)
  if (fixed) redirect(fixed)
  return (
    <Page
      crumbs={[list, { label: file.name, href: `/files/${file.id}` }, { label: t('title') }]}
      title={t('titleOf', { name: file.name })}
      actions={<ButtonLink href={`/files/${file.id}`}>{t('file')}</ButtonLink>}
    >
      <PeriodForm fileId={file.id} period={period} timeZone={timeZone} />
      <Suspense key={`${period.from}${period.to}`} fallback={<SkeletonRows rows={10} />}>
        <Answer actor={actor} fileId={file.id} period={period} />
      </Suspense>
    </Page>
  )
}
