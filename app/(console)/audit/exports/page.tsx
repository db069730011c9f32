import type { Metadata } from 'next'
import { getTranslations } from 'next-intl/server'
import { LiveRefresh } from '#components/shell/live-refresh.tsx'
import { Pager } from '#components/table/pager.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import { Page } from '#components/ui/page.tsx'
import { EmptyState, NotPermitted } from '#components/ui/states.tsx'
import { type PageParams, pickParams } from '#lib/search-params.ts'
import { getTrust } from '#server/audit/queries.ts'
import { listExports } from '#server/exports/queries.ts'
import { pageSignedIn } from '#server/http/session.ts'
import { ExportList } from './_components/export-list.tsx'
import { HowToVerify } from './_components/how-to-verify.tsx'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('exports'))('title') }
}

const SHOWN = 25

export default async function ExportsPage({ searchParams }: { searchParams: Promise<PageParams> }) {
  const [t, tAudit] = await Promise.all([getTranslations('exports'), getTranslations('audit')])
  const { actor, organisation } = await pageSignedIn()
  const crumbs = [{ label: organisation.name }, { label: tAudit('title'), href: '/audit' }, { label: t('title') }]
  if (!actor.permissions.has('audit:export'))
    return (
      <Page crumbs={crumbs}>
        <NotPermitted permission="audit:export" />
      </Page>
    )
  const { cursor } = pickParams(await searchParams, { cursor: null })
  const { items, nextCursor } = await listExports(actor, { limit: SHOWN, ...(cursor && { cursor }) })
  const vkey = actor.permissions.has('audit:read') ? (await getTrust(actor, {})).vkey : null
  return (
    <Page crumbs={crumbs} title={t('title')} sub={t('sub')}>
      <LiveRefresh url="/api/live?topics=export" />
      <div className="grid grid-cols-[minmax(0,1fr)] gap-6 xl:grid-cols-[minmax(0,1fr)_360px]">
        <div className="min-w-0">
          {items.length === 0 ? (
            <EmptyState
              title={t('empty')}
              text={t('emptyText')}
              action={<ButtonLink href="/audit">{t('toLog')}</ButtonLink>}
            />
          ) : (
            <>
              <ExportList exports={items} />
              <Pager nextCursor={nextCursor} shown={items.length} />
            </>
          )}
        </div>
        <HowToVerify vkey={vkey} />
      </div>
    </Page>
  )
}
