import type { Metadata } from 'next'
import { getTranslations } from 'next-intl/server'
import { LiveRefresh } from '#components/shell/live-refresh.tsx'
import { Card, CardColumn, CardFoot } from '#components/ui/card.tsx'
import { Page } from '#components/ui/page.tsx'
import { NotPermitted } from '#components/ui/states.tsx'
import { getTrust, getVerification } from '#server/audit/queries.ts'
import { pageSignedIn } from '#server/http/session.ts'
import { readEnv } from '#server/kernel/env.ts'
import { MailCard, WitnessesCard } from './_components/anchors-card.tsx'
import { CheckpointsCard } from './_components/checkpoints-card.tsx'
import { EpochsCard, OutsideCard } from './_components/outside-card.tsx'
import { StatePanel } from './_components/state-panel.tsx'
import { VerifyPanel } from './_components/verify-panel.tsx'

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
  const [trust, verification] = await Promise.all([getTrust(actor, {}), getVerification(actor, {})])
  const { gatewayUrl, tls } = readEnv()
  const shown = { trust, mayChange: actor.permissions.has('admin') }
  return (
    <Page crumbs={crumbs} title={t('trust.title')} sub={t('trust.sub')}>
      <LiveRefresh url="/api/live?topics=tenant,audit,verification" />
      <div className="grid items-start gap-4 *:min-w-0 lg:grid-cols-2">
        <CardColumn>
          <Card>
            <StatePanel {...shown} />
            <CardFoot>
              <VerifyPanel run={verification} />
            </CardFoot>
          </Card>
          <WitnessesCard {...shown} />
        </CardColumn>
        <CardColumn>
          <CheckpointsCard trust={trust} />
          <MailCard {...shown} />
        </CardColumn>
        {trust.vkey && (
          <OutsideCard place={`${gatewayUrl}${trust.path}`} vkey={trust.vkey} hasOwnAuthority={tls === undefined} />
        )}
        <EpochsCard epochs={trust.epochs} />
      </div>
    </Page>
  )
}
