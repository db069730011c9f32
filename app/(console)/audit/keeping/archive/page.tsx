import type { Metadata } from 'next'
import { redirect } from 'next/navigation'
import { getTranslations } from 'next-intl/server'
import { Page } from '#components/ui/page.tsx'
import { getArchive } from '#server/audit/queries.ts'
import { pageActor } from '#server/http/session.ts'
import { ArchiveForm } from '../_components/archive-form.tsx'
import { changeArchive } from '../actions.ts'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('keeping'))('archive.formTitle') }
}

export default async function ArchivePage() {
  const [actor, t] = await Promise.all([pageActor(), getTranslations('keeping')])
  if (!actor.permissions.has('admin')) redirect('/audit/keeping')
  const { days } = await getArchive(actor, {})
  return (
    <Page
      crumbs={[{ label: t('title'), href: '/audit/keeping' }, { label: t('archive.title') }]}
      title={t('archive.formTitle')}
      sub={t('archive.formSub')}
      width="narrow"
    >
      <ArchiveForm action={changeArchive} days={days} />
    </Page>
  )
}
