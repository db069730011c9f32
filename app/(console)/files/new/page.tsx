import { redirect } from 'next/navigation'
import { getTranslations } from 'next-intl/server'
import { Page } from '#components/ui/page.tsx'
import { MAX_FILE_BYTES } from '#server/content/schema.ts'
import { pageActor } from '#server/http/session.ts'
import { UploadForm } from '../_components/upload-form.tsx'
import { pickablePeople } from '../_people.ts'

export async function generateMetadata() {
  return { title: (await getTranslations('files'))('publish') }
}

export default async function NewFilePage() {
  const [actor, t] = await Promise.all([pageActor(), getTranslations('files')])
  if (!actor.permissions.has('content:write')) redirect('/files')
  return (
    <Page
      crumbs={[{ label: t('title'), href: '/files' }, { label: t('publish') }]}
      title={t('new.title')}
      sub={t('new.sub', { limit: MAX_FILE_BYTES / 1024 ** 2 })}
      width="narrow"
    >
      <UploadForm people={await pickablePeople(actor)} />
    </Page>
  )
}
