import { redirect } from 'next/navigation'
import { getTranslations } from 'next-intl/server'
import { Page } from '#components/ui/page.tsx'
import { fileCan } from '#server/content/schema.ts'
import { pageActor } from '#server/http/session.ts'
import { AudienceForm } from '../../_components/audience-form.tsx'
import { fileOr404 } from '../../_file.ts'
import { pickablePeople } from '../../_people.ts'
import { setAudience } from '../../actions.ts'

type Props = { params: Promise<{ fileId: string }> }

export default async function AudiencePage({ params }: Props) {
  const [actor, t, { fileId }] = await Promise.all([pageActor(), getTranslations('files'), params])
  if (!actor.permissions.has('content:write')) redirect(`/files/${fileId}`)
  const file = await fileOr404(actor, fileId)
  // More than the page shows cannot be edited as a list without dropping somebody unseen.
  if (fileCan.updateAudience(file) !== true || file.audience.people > file.people.length) redirect(`/files/${file.id}`)
  return (
    <Page
      crumbs={[
        { label: t('title'), href: '/files' },
        { label: file.name, href: `/files/${file.id}` },
        { label: t('new.audience') },
      ]}
      title={t('editAudience.title', { name: file.name })}
      sub={t('editAudience.sub')}
      width="narrow"
    >
      <AudienceForm
        action={setAudience.bind(null, file.id)}
        people={await pickablePeople(actor)}
        everyone={file.audience.everyone}
        chosen={file.people.map(({ id, name, email }) => ({ value: id, label: name, hint: email }))}
      />
    </Page>
  )
}
