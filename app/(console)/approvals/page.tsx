import type { Metadata } from 'next'
import { getTranslations } from 'next-intl/server'
import { LiveRefresh } from '#components/shell/live-refresh.tsx'
import { Pager } from '#components/table/pager.tsx'
import { Card, Panel } from '#components/ui/card.tsx'
import { Link } from '#components/ui/link.tsx'
import { Page } from '#components/ui/page.tsx'
import { EmptyState } from '#components/ui/states.tsx'
import { Tag } from '#components/ui/tag.tsx'
import { Time } from '#components/ui/time.tsx'
import { type PageParams, pickParams } from '#lib/search-params.ts'
import { listRequests } from '#server/approvals/queries.ts'
import type { RequestView } from '#server/approvals/schema.ts'
import { pageSignedIn } from '#server/http/session.ts'
import { Reason } from '../wipes/_components/reason.tsx'
import { CancelAll } from './_components/cancel-all.tsx'
import { DecideButtons } from './_components/decide-buttons.tsx'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('wipe'))('approvals.title') }
}

export default async function ApprovalsPage({ searchParams }: { searchParams: Promise<PageParams> }) {
  const t = await getTranslations('wipe')
  const { actor, organisation } = await pageSignedIn()
  const page = await listRequests(actor, pickParams(await searchParams, { cursor: null }))
  const mayStop = actor.permissions.has('devices:wipe') && page.items.length > 0
  return (
    <Page
      crumbs={[{ label: organisation.name }, { label: t('approvals.title') }]}
      title={t('approvals.title')}
      sub={t('approvals.sub')}
      actions={mayStop ? <CancelAll /> : undefined}
    >
      <LiveRefresh url="/api/live?topics=brake" />
      {page.items.length === 0 && (
        <Card>
          <EmptyState title={t('approvals.empty')} text={t('approvals.emptyText')} />
        </Card>
      )}
      <ul aria-label={t('approvals.title')} className="flex flex-col gap-3">
        {page.items.map((request) => (
          <li key={request.id}>
            <Request request={request} />
          </li>
        ))}
      </ul>
      {page.items.length > 0 && <Pager nextCursor={page.nextCursor} shown={page.items.length} />}
    </Page>
  )
}

/** Where what it is about is shown, and the key of its sentence. */
function aboutOf({ command, id, target }: RequestView) {
  switch (command) {
    case 'device.wipe':
      return { href: `/wipes/${id}`, what: 'wipe' as const }
    case 'file.delete':
      return { href: `/files/${target.id}`, what: 'file' as const }
    case 'audit.retention.shorten':
      return { href: '/audit/keeping', what: 'retention' as const }
    case 'audit.hold.release':
      return { href: '/audit/keeping#holds', what: 'hold' as const }
    case 'audit.erase':
      return { href: `/people/${target.id}`, what: 'erase' as const }
  }
}

async function Request({ request }: { request: RequestView }) {
  const t = await getTranslations('wipe')
  const { href, what } = aboutOf(request)
  const times = {
    undo: () => <Time value={request.notBefore} precision="second" />,
    until: () => <Time value={request.expiresAt} />,
  }
  return (
    <Card>
      <Panel
        title={<Link href={href}>{t(`approvals.what.${what}`, { name: request.target.name })}</Link>}
        aside={<Tag tone="warn">{t(`state.${request.state}`)}</Tag>}
      >
        <p className="text-ink-2">
          {t.rich(request.requestedBy.kind === 'api_key' ? 'approvals.askedByKey' : 'approvals.asked', {
            name: request.requestedBy.name,
            at: () => <Time value={request.createdAt} />,
          })}{' '}
          · <Reason reason={request.reason} />
        </p>
        <p>{t.rich(`approvals.wait.${request.state}`, times)}</p>
        <DecideButtons request={request} />
      </Panel>
    </Card>
  )
}
