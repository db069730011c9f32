import { getTranslations } from 'next-intl/server'
import { Notice } from '#components/ui/notice.tsx'
import { Page } from '#components/ui/page.tsx'
import { NotPermitted } from '#components/ui/states.tsx'
import { Tag } from '#components/ui/tag.tsx'
import { Time } from '#components/ui/time.tsx'
import { deviceCode } from '#protocol/policy/watermark.ts'
import { pageSignedIn } from '#server/http/session.ts'
import { isPermitted } from '#server/kernel/actor.ts'
import { getPolicy, listPolicyVersions, simulatePolicy } from '#server/policies/queries.ts'
import type { PolicyView } from '#server/policies/schema.ts'
import { ClientMessages } from '../../../i18n/client-messages.tsx'
import { ForecastPanel } from './_components/forecast-panel.tsx'
import { History } from './_components/history.tsx'
import { PolicyActions } from './_components/policy-actions.tsx'
import { PolicyForm } from './_components/policy-form.tsx'
import { TruthTable } from './_components/truth-table.tsx'
import { discardPolicyDraft, savePolicyDraft } from './actions.ts'

export async function generateMetadata() {
  return { title: (await getTranslations('policies'))('title') }
}

type Props = { searchParams: Promise<{ versions?: string | string[] }> }

export default async function PoliciesPage({ searchParams }: Props) {
  const [{ actor, organisation }, t, { versions }] = await Promise.all([
    pageSignedIn(),
    getTranslations('policies'),
    searchParams,
  ])
  const crumbs = [{ label: organisation.name }, { label: t('title') }]
  if (!isPermitted(actor, 'policies:read')) {
    return (
      <Page crumbs={crumbs} title={t('title')}>
        <NotPermitted permission="policies:read" />
      </Page>
    )
  }
  const policyId = actor.tenantId
  const cursor = typeof versions === 'string' ? versions : undefined
  const [policy, forecast, history] = await Promise.all([
    getPolicy(actor, { policyId }),
    simulatePolicy(actor, { policyId }),
    listPolicyVersions(actor, { policyId, limit: 10, cursor }),
  ])
  const { draft, version, document } = policy
  const mayWrite = isPermitted(actor, 'policies:write')
  return (
    <ClientMessages areas={['policies']}>
      <Page
        crumbs={crumbs}
        crumbAside={draft && <DraftTag base={draft.base} savedAt={draft.savedAt} />}
        title={t('heading')}
        sub={
          <>
            {t('sub', { version })} <Time value={policy.publishedAt} />
          </>
        }
        actions={mayWrite && <Actions policy={policy} />}
      >
        {draft?.stale && <Notice className="mb-4">{t('draft.stale', { base: draft.base, version })}</Notice>}
        <div className="grid gap-4 lg:grid-cols-[minmax(0,1fr)_320px] lg:items-start">
          <PolicyForm
            key={`${version} ${draft?.savedAt.toISOString()}`}
            policyId={policyId}
            document={draft?.document ?? document}
            inForce={document}
            version={version}
            draftSeenAt={draft?.savedAt.toISOString() ?? null}
            mayWrite={mayWrite}
            sample={{
              name: actor.name,
              email: actor.email,
              organisation: organisation.name,
              time: new Date(),
              device: deviceCode(policyId),
            }}
            action={savePolicyDraft}
          />
          <ForecastPanel forecast={forecast} document={draft?.document ?? document} isDraft={draft !== null} />
        </div>
        <TruthTable />
        <History {...history} isFirstPage={cursor === undefined} current={version} mayWrite={mayWrite} />
      </Page>
    </ClientMessages>
  )
}

async function DraftTag({ base, savedAt }: { base: number; savedAt: Date }) {
  const t = await getTranslations('policies.draft')
  return (
    <Tag tone="warn">
      {t('tag', { base })} <Time value={savedAt} />
    </Tag>
  )
}

async function Actions({ policy: { id, version, draft } }: { policy: PolicyView }) {
  const t = await getTranslations('policies.draft')
  const refusal = draft === null ? 'none' : draft.stale ? 'stale' : draft.changes.length === 0 ? 'same' : null
  return (
    <PolicyActions
      policyId={id}
      hasDraft={draft !== null}
      refusal={refusal}
      staleText={t('stale', { base: draft?.base ?? version, version })}
      discard={discardPolicyDraft}
    />
  )
}
