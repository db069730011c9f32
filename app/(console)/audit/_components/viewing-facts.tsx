import { getTranslations } from 'next-intl/server'
import { visibleText } from '#components/audit/visible-text.ts'
import { Link } from '#components/ui/link.tsx'
import { Mono } from '#components/ui/mono.tsx'
import type { AuditEventView } from '#server/audit/schema.ts'
import { auditHref } from '../search-params.ts'

/** Members of `detail` that a viewer states and that stand among the facts, not as raw values. */
const VIEWING = ['page', 'session', 'means'] as const

const MEANS = ['printscreen', 'shortcut', 'print', 'copy', 'drag', 'focus_lost'] as const

type Detail = NonNullable<AuditEventView['detail']>

/** Where in the document, in which viewing and by what sign, for an event that a viewer stated. */
export async function viewingFacts({ detail }: Pick<AuditEventView, 'detail'>) {
  const t = await getTranslations('audit')
  const [page, session, means] = VIEWING.map((name) => textOf(detail, name))
  const known = MEANS.find((name) => name === means)
  return [
    { term: t('event.page'), value: page && visibleText(page) },
    { term: t('event.means'), value: known ? t(`means.${known}`) : means && visibleText(means) },
    {
      term: t('event.session'),
      value: session && (
        <Link href={auditHref({ q: session, sort: '-time' })} title={visibleText(session)}>
          <Mono>{visibleText(session.slice(-8))}</Mono> {t('event.sessionAll')}
        </Link>
      ),
    },
  ]
}

/** What is left to be shown as it is. */
export function withoutViewing(detail: Detail): Detail {
  return Object.fromEntries(
    Object.entries(detail).filter(([name]) => !(isViewing(name) && textOf(detail, name) !== undefined)),
  )
}

function isViewing(name: string): name is (typeof VIEWING)[number] {
  return VIEWING.some((known) => known === name)
}

function textOf(detail: Detail | undefined, name: string): string | undefined {
  const value = detail?.[name]
  return typeof value === 'string' ? value : undefined
}
