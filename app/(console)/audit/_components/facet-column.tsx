import { getFormatter, getTranslations } from 'next-intl/server'
import { cx } from '#components/ui/cx.ts'
import { Link } from '#components/ui/link.tsx'
import { auditFacets } from '#server/audit/queries.ts'
import type { FacetField, FacetValue } from '#server/audit/schema.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import { isAppError } from '#server/kernel/errors.ts'
import { asksFor, condition, narrowed, without } from '../_query-text.ts'
import { type AuditParams, auditHref } from '../search-params.ts'

type Props = { actor: PersonActor; ask: { q: string; from?: string; to?: string }; params: AuditParams }

const FIELDS = ['action', 'outcome', 'device', 'label', 'actor'] as const

/** The most frequent values; each is a condition to add, or, in force, to take away. */
export async function FacetColumn({ actor, ask, params }: Props) {
  const t = await getTranslations('audit')
  const found = await auditFacets(actor, { ...ask, fields: FIELDS.join(',') }).catch((error: unknown) => {
    if (isAppError(error) && error.code === 'unavailable') return null
    throw error
  })
  if (!found) return null
  return (
    <section aria-label={t('facets.label')}>
      {found.facets.map(({ field, values }) =>
        values.length === 0 ? null : (
          <div key={field} className="mb-3.5 max-lg:mb-2">
            <h2 className="mb-0.5 text-[12px] font-semibold text-ink-3">
              {t(field === 'label' ? 'facets.label_' : `facets.${field as 'action'}`)}
            </h2>
            <ul className="max-lg:flex max-lg:flex-wrap max-lg:gap-x-4">
              {values.map((value) => (
                <FacetLine key={value.value} field={field} value={value} params={params} />
              ))}
            </ul>
          </div>
        ),
      )}
      {found.counted > 0 && (
        <p className="text-tiny text-ink-3">
          {found.complete ? t('facets.all', { count: found.counted }) : t('facets.sample', { count: found.counted })}
        </p>
      )}
    </section>
  )
}

async function FacetLine({
  field,
  value: { value, label, count },
  params,
}: {
  field: FacetField
  value: FacetValue
  params: AuditParams
}) {
  const t = await getTranslations('audit')
  const common = await getTranslations('common')
  const term = condition(field, value)
  const isOn = asksFor(params.q, term)
  const words =
    label ??
    (field === 'outcome'
      ? common(`outcome.${value as 'allowed'}`)
      : field === 'actor'
        ? t(`kind.${value as 'system'}`)
        : value)
  return (
    <li className="flex min-h-6 items-baseline gap-1.5 max-sm:min-h-9">
      <Link
        href={auditHref(params, { q: isOn ? without(params.q, term) : narrowed(params.q, term) })}
        scroll={false}
        aria-label={t(isOn ? 'facets.remove' : 'facets.add', { value: words })}
        title={words}
        className={cx('min-w-0 flex-1 truncate hover:underline', isOn ? 'font-semibold text-accent' : 'text-ink')}
      >
        {words}
      </Link>
      <span className="text-ink-2 tabular-nums">{(await getFormatter()).number(count)}</span>
    </li>
  )
}
