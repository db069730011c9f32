import type { Metadata } from 'next'
import { notFound, redirect } from 'next/navigation'
import { getTranslations } from 'next-intl/server'
import { FactList } from '#components/ui/card.tsx'
import { Page } from '#components/ui/page.tsx'
import { listHolds, previewKeeping } from '#server/audit/queries.ts'
import { pageActor } from '#server/http/session.ts'
import { getTenant } from '#server/tenants/queries.ts'
import { ConfirmForm } from '../../../_components/confirm-form.tsx'
import { askRelease } from '../../../actions.ts'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('keeping'))('holds.title') }
}

export default async function ReleasePage({ params }: { params: Promise<{ holdId: string }> }) {
  const [actor, t, { holdId }] = await Promise.all([pageActor(), getTranslations('keeping'), params])
  if (!actor.permissions.has('admin')) redirect('/audit/keeping')
  const hold = (await listHolds(actor, {})).find(({ id }) => id === holdId)
  if (!hold) notFound()
  if (hold.released || hold.releaseRequest) redirect('/audit/keeping')
  const { id, name } = hold
  const [preview, { settings }] = await Promise.all([previewKeeping(actor, {}), getTenant(actor, {})])
  const count = preview.holds.find((one) => one.id === id)?.kept ?? 0
  const seconds = settings.brake.undoSeconds
  return (
    <Page
      crumbs={[{ label: t('title'), href: '/audit/keeping' }, { label: name }]}
      title={t('release.title', { name })}
      width="narrow"
    >
      <h2 className="mb-2 text-lead font-strong">{t('release.what')}</h2>
      <FactList
        items={[
          { title: t('release.holds'), text: t('release.holdsText', { count }) },
          { title: t('release.later'), text: t('release.laterText') },
          {
            title: t('retention.undo'),
            text: t(actor.founder ? 'retention.undoAlone' : 'retention.undoApproval', { seconds }),
          },
        ]}
      />
      <ConfirmForm of="release" action={askRelease.bind(null, { id, name })} name={name} backHref="/audit/keeping" />
    </Page>
  )
}
