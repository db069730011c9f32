import { redirect } from 'next/navigation'
import { getTranslations } from 'next-intl/server'
import { Card, Panel } from '#components/ui/card.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { Page } from '#components/ui/page.tsx'
import { pageActor } from '#server/http/session.ts'
import { isPermitted } from '#server/kernel/actor.ts'
import { getPolicy, simulatePolicy } from '#server/policies/queries.ts'
import { ClientMessages } from '../../../../../../i18n/client-messages.tsx'
import { ChangeList } from '../../../_components/change-list.tsx'
import { DecideForm } from '../../../_components/decide-form.tsx'
import { ForecastPanel } from '../../../_components/forecast-panel.tsx'
import { versionOrNotFound } from '../../../_version.ts'
import { restorePolicyVersion } from '../../../actions.ts'

type Props = { params: Promise<{ version: string }> }

export default async function RestorePage({ params }: Props) {
  const [actor, t, { version: named }] = await Promise.all([pageActor(), getTranslations('policies'), params])
  if (!isPermitted(actor, 'policies:write')) redirect('/policies')
  const policyId = actor.tenantId
  const { version, document } = await versionOrNotFound(actor, named)
  const [current, forecast] = await Promise.all([
    getPolicy(actor, { policyId }),
    simulatePolicy(actor, { policyId, document }),
  ])
  const hasChanges = forecast.changes.length > 0
  return (
    <ClientMessages areas={['policies']}>
      <Page
        crumbs={[{ label: t('title'), href: '/policies' }, { label: t('restorePage.title', { version }) }]}
        title={t('restorePage.title', { version })}
        sub={t('restorePage.sub', { next: current.version + 1 })}
        width="narrow"
      >
        {!hasChanges && <Notice tone="neutral">{t('restorePage.same', { version })}</Notice>}
        {hasChanges && (
          <>
            <Card clip className="mb-4">
              <Panel title={t('review.changes')} />
              <ChangeList changes={forecast.changes} label={t('review.changes')} />
            </Card>
            <ForecastPanel forecast={forecast} document={document} isDraft />
          </>
        )}
        {hasChanges && forecast.lockout.length === 0 && (
          <DecideForm
            action={restorePolicyVersion}
            hidden={{ policyId, version: String(version) }}
            submit={t('restorePage.submit', { version })}
            backHref="/policies"
          />
        )}
      </Page>
    </ClientMessages>
  )
}
