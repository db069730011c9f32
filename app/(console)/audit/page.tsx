import type { Metadata } from 'next'
import { getTranslations } from 'next-intl/server'
import type { PageParams } from '#lib/search-params.ts'
import { AuditView } from './_components/audit-view.tsx'
import { auditParams } from './search-params.ts'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('audit'))('title') }
}

export default async function AuditPage({ searchParams }: { searchParams: Promise<PageParams> }) {
  return <AuditView params={auditParams(await searchParams)} />
}
