import type { Metadata } from 'next'
import { getTranslations } from 'next-intl/server'
import type { PageParams } from '#lib/search-params.ts'
import { AuditView } from '../_components/audit-view.tsx'
import { auditParams } from '../search-params.ts'

type Props = { params: Promise<{ eventId: string }>; searchParams: Promise<PageParams> }

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('audit'))('event.title') }
}

export default async function AuditEventPage({ params, searchParams }: Props) {
  const [{ eventId }, query] = await Promise.all([params, searchParams])
  return <AuditView params={auditParams(query)} eventId={eventId} />
}
