import { useTranslations } from 'next-intl'
import { Link } from '#components/ui/link.tsx'
import { condition, narrowed } from '../_query-text.ts'
import { type AuditParams, auditHref } from '../search-params.ts'

/** Says that entries of searches are left out, and leads to those with these words. */
export function SearchesLink({ params }: { params: AuditParams }) {
  const t = useTranslations('audit.meaning')
  const q = narrowed(params.q, condition('action', 'audit.search'))
  return t.rich('searches', { link: (text) => <Link href={auditHref(params, { q })}>{text}</Link> })
}
