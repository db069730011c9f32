import type { Metadata } from 'next'
import { getFormatter, getTranslations } from 'next-intl/server'
import { Card, CardFoot, Panel } from '#components/ui/card.tsx'
import { CopyButton } from '#components/ui/copy-button.tsx'
import { DefinitionList } from '#components/ui/definition-list.tsx'
import { Code, Mono } from '#components/ui/mono.tsx'
import { Page } from '#components/ui/page.tsx'
import { EmptyState, NotPermitted } from '#components/ui/states.tsx'
import { Tag } from '#components/ui/tag.tsx'
import { Time } from '#components/ui/time.tsx'
import { getTrust } from '#server/audit/queries.ts'
import type { CheckpointView, Trust } from '#server/audit/schema.ts'
import { pageSignedIn } from '#server/http/session.ts'
import { readEnv } from '#server/kernel/env.ts'
import { VerifyForm } from './verify-form.tsx'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('audit'))('trust.title') }
}

/** How the log stands against what was signed, and what anybody needs to check it. */
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
  return (
    <Page crumbs={crumbs} title={t('trust.title')} sub={t('trust.sub')}>
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <Card>
          <State trust={trust} />
          <CardFoot>
            <h2 className="font-semibold">{t('trust.verifyTitle')}</h2>
            <p className="mb-3 text-ink-2">{t('trust.verifyText')}</p>
            <VerifyForm />
          </CardFoot>
        </Card>
        <Card>
          <Checkpoints checkpoints={trust.checkpoints} />
          {trust.note && (
            <CardFoot>
              <h3 className="font-semibold">{t('trust.note')}</h3>
              <Code className="mt-1">{trust.note}</Code>
            </CardFoot>
          )}
        </Card>
        <Outside tenantId={actor.tenantId} vkey={trust.vkey} />
      </div>
    </Page>
  )
}

async function State({ trust }: { trust: Trust }) {
  const t = await getTranslations('audit')
  const format = await getFormatter()
  const tone = trust.state === 'ok' ? 'ok' : trust.state === 'unsigned' ? 'neutral' : 'danger'
  return (
    <Panel title={t('trust.state')} aside={<Tag tone={tone}>{t(`trust.stateName.${trust.state}`)}</Tag>}>
      <p className="text-ink-2">{t(`trust.stateText.${trust.state}`)}</p>
      <DefinitionList
        items={[
          { term: t('trust.events'), value: format.number(trust.size) },
          { term: t('trust.origin'), value: <Mono className="break-all">{trust.origin}</Mono> },
          {
            term: t('trust.vkey'),
            value: trust.vkey ? (
              <>
                <Code>{trust.vkey}</Code>
                <div className="mt-1">
                  <CopyButton value={trust.vkey} small />
                </div>
              </>
            ) : (
              t('trust.noKey')
            ),
          },
          {
            term: t('trust.verified'),
            value: trust.verified && (
              <>
                <Time value={trust.verified.at} precision="second" />{' '}
                <Tag tone={trust.verified.ok ? 'ok' : 'danger'}>
                  {t(trust.verified.ok ? 'trust.wasOk' : 'trust.wasNot')}
                </Tag>
              </>
            ),
          },
        ]}
      />
    </Panel>
  )
}

async function Checkpoints({ checkpoints }: { checkpoints: CheckpointView[] }) {
  const t = await getTranslations('audit')
  const format = await getFormatter()
  if (checkpoints.length === 0) return <EmptyState title={t('trust.none')} text={t('trust.noneText')} />
  return (
    <Panel title={t('trust.checkpoints')}>
      <table className="mt-1 w-full border-collapse">
        <thead>
          <tr className="border-b border-line text-left text-ink-3">
            <th className="py-1 font-medium">{t('trust.signedAt')}</th>
            <th className="py-1 text-right font-medium">{t('trust.size')}</th>
            <th className="py-1 pl-4 font-medium">{t('trust.root')}</th>
          </tr>
        </thead>
        <tbody>
          {checkpoints.map(({ size, root, signedAt }) => (
            <tr key={size} className="h-[30px] border-b border-line last:border-0">
              <td>
                <Time value={signedAt} precision="second" />
              </td>
              <td className="text-right tabular-nums">{format.number(size)}</td>
              <td className="pl-4">
                <Mono title={root}>{root.slice(0, 12)}…</Mono>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  )
}

async function Outside({ tenantId, vkey }: { tenantId: string; vkey: string | null }) {
  const t = await getTranslations('audit')
  if (!vkey) return null
  const { gatewayUrl, tls } = readEnv()
  // The gateway's own authority is known to nobody else.
  const command = `npx gatehouse verify ${gatewayUrl}/log/${tenantId} --key '${vkey}'${tls ? '' : ' --ca ca.pem'}`
  return (
    <Card className="lg:col-span-2">
      <Panel title={t('trust.outside')}>
        <p className="mb-2 text-ink-2">{t('trust.outsideText')}</p>
        <Code>{command}</Code>
        <div className="mt-1">
          <CopyButton value={command} small />
        </div>
      </Panel>
    </Card>
  )
}
