import type { Metadata } from 'next'
import { getTranslations } from 'next-intl/server'
import { Suspense } from 'react'
import { LiveRefresh } from '#components/shell/live-refresh.tsx'
import { CardColumn } from '#components/ui/card.tsx'
import { Page } from '#components/ui/page.tsx'
import { NotPermitted } from '#components/ui/states.tsx'
import { type PageParams, pickParams } from '#lib/search-params.ts'
import { getArchive, getRetention, listHolds, listPurges, previewKeeping } from '#server/audit/queries.ts'
import { pageSignedIn } from '#server/http/session.ts'
import { ArchiveCard } from './_components/archive-card.tsx'
import { HoldsCard } from './_components/holds-card.tsx'
import { PurgesCard } from './_components/purges-card.tsx'
import { RulesCard } from './_components/rules-card.tsx'
import { CountingCard, TonightCard } from './_components/tonight-card.tsx'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('keeping'))('title') }
}

const PURGES_SHOWN = 20

export default async function KeepingPage({ searchParams }: { searchParams: Promise<PageParams> }) {
  const [t, tAudit] = await Promise.all([getTranslations('keeping'), getTranslations('audit')])
  const { actor, organisation } = await pageSignedIn()
  const crumbs = [{ label: organisation.name }, { label: tAudit('title'), href: '/audit' }, { label: t('title') }]
  if (!actor.permissions.has('audit:read'))
    return (
      <Page crumbs={crumbs}>
        <NotPermitted permission="audit:read" />
      </Page>
    )
  const { cursor } = pickParams(await searchParams, { cursor: null })
  // Counting may take seconds: the rest of the page does not wait for it.
  const preview = previewKeeping(actor, {})
  const [retention, archive, holds, purges] = await Promise.all([
    getRetention(actor, {}),
    getArchive(actor, {}),
    listHolds(actor, {}),
    listPurges(actor, { limit: PURGES_SHOWN, cursor }),
  ])
  const may = { change: actor.permissions.has('admin'), hold: actor.permissions.has('audit:export') }
  return (
    <Page crumbs={crumbs} title={t('title')} sub={t('sub')}>
      <LiveRefresh url="/api/live?topics=keeping,brake" />
      <div className="grid items-start gap-4 *:min-w-0 lg:grid-cols-2">
        <CardColumn>
          <Suspense fallback={<CountingCard title={t('tonight.title')} />}>
            <TonightCard preview={preview} rules={retention.rules} />
          </Suspense>
          <HoldsCard holds={holds} preview={preview} mayPlace={may.hold} mayRelease={may.change} />
          <PurgesCard purges={purges} />
        </CardColumn>
        <CardColumn>
          <RulesCard retention={retention} mayChange={may.change} />
          <ArchiveCard archive={archive} mayChange={may.change} />
        </CardColumn>
      </div>
    </Page>
  )
}
