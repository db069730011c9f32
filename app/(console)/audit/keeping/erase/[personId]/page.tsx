import type { Metadata } from 'next'
import { redirect } from 'next/navigation'
import { getFormatter, getTranslations } from 'next-intl/server'
import { FactList } from '#components/ui/card.tsx'
import { Page } from '#components/ui/page.tsx'
import { previewPersonErasure } from '#server/audit/queries.ts'
import { pageActor } from '#server/http/session.ts'
import { getTenant } from '#server/tenants/queries.ts'
import { personOr404 } from '../../../../people/_person.ts'
import { ConfirmForm } from '../../_components/confirm-form.tsx'
import { askErasure } from '../../actions.ts'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('keeping'))('erase.submit') }
}

export default async function ErasePage({ params }: { params: Promise<{ personId: string }> }) {
  const [actor, t, format, { personId }] = await Promise.all([
    pageActor(),
    getTranslations('keeping'),
    getFormatter(),
    params,
  ])
  if (!actor.permissions.has('admin')) redirect(`/people/${personId}`)
  const { id, name } = await personOr404(actor, personId)
  const [preview, { settings }] = await Promise.all([
    previewPersonErasure(actor, { personId: id }),
    getTenant(actor, {}),
  ])
  const seconds = settings.brake.undoSeconds
  const { events, kept, partial } = preview
  return (
    <Page
      crumbs={[
        { label: t('title'), href: '/audit/keeping' },
        { label: name, href: `/people/${id}` },
      ]}
      title={t('erase.title', { name })}
      width="narrow"
    >
      <h2 className="mb-2 text-lead font-strong">{t('erase.what')}</h2>
      <FactList
        items={[
          {
            title: t('erase.events'),
            text: `${t('erase.eventsText', { count: events })} ${partial ? t('tonight.partial') : ''}`,
          },
          ...(kept > 0
            ? [
                {
                  title: t('erase.kept'),
                  text: t('erase.keptText', { count: kept, holds: format.list(preview.holds) }),
                },
              ]
            : []),
          { title: t('erase.later'), text: t('erase.laterText') },
          {
            title: t('retention.undo'),
            text: t(actor.founder ? 'retention.undoAlone' : 'retention.undoApproval', { seconds }),
          },
        ]}
      />
      <ConfirmForm of="erase" action={askErasure.bind(null, { id, name })} name={name} backHref={`/people/${id}`} />
    </Page>
  )
}
