import type { Metadata } from 'next'
import { redirect } from 'next/navigation'
import { getTranslations } from 'next-intl/server'
import { LiveRefresh } from '#components/shell/live-refresh.tsx'
import { Page } from '#components/ui/page.tsx'
import { pageSignedIn } from '#server/http/session.ts'
import { Checklist } from './_overview/checklist.tsx'
import { CoveragePanel } from './_overview/coverage-panel.tsx'
import { loadOverview, type Overview } from './_overview/load.ts'
import { needsOf } from './_overview/needs.ts'
import { NeedsPanel } from './_overview/needs-panel.tsx'
import { PosturePanel } from './_overview/posture-panel.tsx'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('overview'))('title') }
}

export default async function OverviewPage() {
  const t = await getTranslations('overview')
  const { actor, organisation } = await pageSignedIn()
  // Whoever holds no permission has nothing to do on the console; their files are there.
  if (actor.permissions.size === 0) redirect('/workspace')
  return (
    <Page crumbs={[{ label: organisation.name }, { label: t('title') }]} title={t('title')} sub={organisation.name}>
      <Panels overview={await loadOverview(actor)} />
    </Page>
  )
}

function Panels({ overview }: { overview: Overview }) {
  const { devices, policy, captures } = overview
  const needs = needsOf(overview)
  const isNew = devices?.known === 0
  return (
    <>
      <LiveRefresh url="/api/live?topics=device,wipe,policy,person,file,screenshot,auth" />
      {isNew && <Checklist overview={overview} />}
      {(!isNew || needs.length > 0) && <NeedsPanel needs={needs} />}
      {devices && !isNew && <CoveragePanel devices={devices} />}
      {devices && !isNew && <PosturePanel devices={devices} policy={policy} captures={captures} />}
    </>
  )
}
