import type { Metadata } from 'next'
import { getTranslations } from 'next-intl/server'
import { type PageParams, pickParams } from '#lib/search-params.ts'
import { isUuid } from '#lib/uuid.ts'
import { AuditView } from './_components/audit-view.tsx'
import { auditParams } from './search-params.ts'

type Props = { searchParams: Promise<PageParams> }

export async function generateMetadata({ searchParams }: Props): Promise<Metadata> {
  const t = await getTranslations('audit')
  return { title: t(eventOf(await searchParams) ? 'event.title' : 'title') }
}

/** Also `/audit/EVENT-ID`, which next.config.ts rewrites: opening an event is the same page, so that its list stays. */
export default async function AuditPage({ searchParams }: Props) {
  const params = await searchParams
  return <AuditView params={auditParams(params)} eventId={eventOf(params)} />
}

function eventOf(params: PageParams): string | null {
  const { event } = pickParams(params, { event: null })
  return event && isUuid(event) ? event : null
}
