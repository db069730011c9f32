import type { Metadata } from 'next'
import { getTranslations } from 'next-intl/server'
import { Page } from '#components/ui/page.tsx'
import { NotPermitted } from '#components/ui/states.tsx'
import { listMappings } from '#server/audit/queries.ts'
import { pageSignedIn } from '#server/http/session.ts'
import { ImportForm } from './_components/import-form.tsx'
import { MappingList } from './_components/mapping-list.tsx'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('imports'))('title') }
}

type Props = { searchParams: Promise<{ mapping?: string | string[] }> }

export default async function ImportPage({ searchParams }: Props) {
  const [t, tAudit] = await Promise.all([getTranslations('imports'), getTranslations('audit')])
  const { actor, organisation } = await pageSignedIn()
  const crumbs = [{ label: organisation.name }, { label: tAudit('title'), href: '/audit' }, { label: t('title') }]
  if (!actor.permissions.has('audit:write'))
    return (
      <Page crumbs={crumbs}>
        <NotPermitted permission="audit:write" />
      </Page>
    )
  const [mappings, { mapping: wanted }] = await Promise.all([listMappings(actor, {}), searchParams])
  const chosen = mappings.find(({ name }) => name === wanted)
  return (
    <Page crumbs={crumbs} title={t('title')} sub={t('sub')}>
      <div className="grid grid-cols-[minmax(0,1fr)] gap-6 xl:grid-cols-[minmax(0,1fr)_320px]">
        <ImportForm key={chosen?.name ?? 'new'} chosen={chosen ?? null} />
        <MappingList mappings={mappings} chosen={chosen?.name ?? null} />
      </div>
    </Page>
  )
}
