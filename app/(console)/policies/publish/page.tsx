import { redirect } from 'next/navigation'
import { getTranslations } from 'next-intl/server'
import { Card, Panel } from '#components/ui/card.tsx'
import { Page } from '#components/ui/page.tsx'
import { pageActor } from '#server/http/session.ts'
import { isPermitted } from '#server/kernel/actor.ts'
import { getPolicy, simulatePolicy } from '#server/policies/queries.ts'
import { ClientMessages } from '../../../../i18n/client-messages.tsx'
import { ChangeList } from '../_components/change-list.tsx'
import { DecideForm } from '../_components/decide-form.tsx'
import { ForecastPanel } from '../_components/forecast-panel.tsx'
import { publishPolicyDraft } from '../actions.ts'

export async function generateMetadata() {
  return { title: (await getTranslations('policies.review'))('open') }
}

export default async function PublishPage() {
  const [actor, t] = await Promise.all([pageActor(), getTranslations('policies')])
  const policyId = actor.tenantId
  if (!isPermitted(actor, 'policies:write')) redirect('/policies')
  const [{ draft, version }, forecast] = await Promise.all([
    getPolicy(actor, { policyId }),
    simulatePolicy(actor, { policyId }),
  ])
  if (!draft || draft.stale || draft.changes.length === 0) redirect('/policies')
  const next = version + 1
  return (
    <ClientMessages areas={['policies']}>
      <Page
        crumbs={[{ label: t('title'), href: '/policies' }, { label: t('review.title', { version: next }) }]}
        title={t('review.title', { version: next })}
        sub={t('review.sub')}
        width="narrow"
      >
        <Card clip className="mb-4">
          <Panel title={t('review.changes')} />
          <ChangeList changes={draft.changes} label={t('review.changes')} />
        </Card>
        <ForecastPanel forecast={forecast} document={draft.document} isDraft />
        {forecast.lockout.length === 0 && (
          <DecideForm
            action={publishPolicyDraft}
            hidden={{ policyId, digest: draft.digest }}
            submit={t('review.publish', { version: next })}
            backHref="/policies"
          />
        )}
      </Page>
    </ClientMessages>
  )
}
