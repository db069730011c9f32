import type { Metadata } from 'next'
import { getTranslations } from 'next-intl/server'
import { LiveRefresh } from '#components/shell/live-refresh.tsx'
import { Card, CardFoot } from '#components/ui/card.tsx'
import { Page } from '#components/ui/page.tsx'
import { NotPermitted } from '#components/ui/states.tsx'
import { getTrust } from '#server/audit/queries.ts'
import { pageSignedIn } from '#server/http/session.ts'
import { readEnv } from '#server/kernel/env.ts'
import { MailCard, WitnessesCard } from './_components/anchors-card.tsx'
import { CheckpointsCard } from './_components/checkpoints-card.tsx'
import { EpochsCard, OutsideCard } from './_components/outside-card.tsx'
import { StatePanel } from './_components/state-panel.tsx'
import { VerifyForm } from './verify-form.tsx'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('audit'))('trust.title') }
}

/** How the log stands against what was signed and who outside has seen it, and what anybody needs to check it. */
export default async function TrustPage() {
  const t = await getTranslations('audit')
  const { actor, organisation } = await pageSignedIn()
  const crumbs = [{ label: organisation.name }, { label: t('trust.title') }]
  if (!actor.permissions.has('audit:read')) {
    return (
      <Page crumbs={crumbs}>
        <NotPermitted permission="audit:read" />
      </Page>
    )
  }
  const trust = await getTrust(actor, {})
  const { gatewayUrl, tls } = readEnv()
  const shown = { trust, mayChange: actor.permissions.has('admin') }
  return (
    <Page crumbs={crumbs} title={t('trust.title')} sub={t('trust.sub')}>
      <LiveRefresh url="/api/live?topics=tenant,audit" />
      <div className="grid items-start gap-4 *:min-w-0 lg:grid-cols-2">
        <Card>
          <StatePanel {...shown} />
          <CardFoot>
            <h2 className="font-semibold">{t('trust.verifyTitle')}</h2>
            <p className="mb-3 text-ink-2">{t('trust.verifyText')}</p>
            <VerifyForm />
          </CardFoot>
        </Card>
        <CheckpointsCard trust={trust} />
        <WitnessesCard {...shown} />
        <MailCard {...shown} />
        {trust.vkey && (
          <OutsideCard place={`${gatewayUrl}${trust.path}`} vkey={trust.vkey} hasOwnAuthority={tls === undefined} />
        )}
        <EpochsCard epochs={trust.epochs} />
      </div>
    </Page>
  )
}
