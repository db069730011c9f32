'use client'

import { useFormatter, useTranslations } from 'next-intl'
import { visibleText } from '#components/audit/visible-text.ts'
import { cx } from '#components/ui/cx.ts'
import { Link } from '#components/ui/link.tsx'
import { SkeletonRows } from '#components/ui/states.tsx'
import type { FacetField, FacetValue } from '#server/audit/schema.ts'
import { actionWords } from '../_action-words.ts'
import { asksFor, condition, narrowed, without } from '../_query-text.ts'
import { type AuditParams, auditHref } from '../search-params.ts'
import { useFigures } from './figures.tsx'
import { useActorWords, useNameWords } from './pseudonym.tsx'

/** The most frequent values; each is a condition to add, or, in force, to take away. */
export function FacetColumn({ params }: { params: AuditParams }) {
  const t = useTranslations('audit')
  const { facets } = useFigures()
  if (facets === null) return <SkeletonRows rows={6} />
  if (facets === 'slow') return <p className="text-tiny text-ink-3">{t('facets.slow')}</p>
  return (
    <section aria-label={t('facets.label')}>
      {facets.facets.map(({ field, values }) =>
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
      {facets.counted > 0 && (
        <p className="text-tiny text-ink-3">
          {facets.complete ? t('facets.all', { count: facets.counted }) : t('facets.sample', { count: facets.counted })}
        </p>
      )}
    </section>
  )
}

type LineProps = { field: FacetField; value: FacetValue; params: AuditParams }

function FacetLine({ field, value: { value, label, kind = 'person', count }, params }: LineProps) {
  const t = useTranslations('audit')
  const format = useFormatter()
  const wordsOf = useValueWords()
  const term = condition(field, value)
  const isOn = asksFor(params.q, term)
  const [nameWords, actorWords] = [useNameWords(), useActorWords()]
  const named = (name: string) => (field === 'actor' ? actorWords({ kind, name }) : nameWords(name))
  const words = label === undefined ? visibleText(wordsOf(field, value)) : named(label)
  // As it stands in queries; what it means is its title.
  const shown = field === 'action' ? visibleText(value) : words
  // Asking for the kind would find those with an id, too.
  if (field === 'actor' && value === kind)
    return (
      <li className="flex min-h-6 items-baseline gap-1.5 max-sm:min-h-9">
        <span className="min-w-0 flex-1 truncate text-ink-2" title={t('facets.withoutIdLong')}>
          {t('facets.withoutId')}
        </span>
        <span className="text-ink-2 tabular-nums">{format.number(count)}</span>
      </li>
    )
  return (
    <li className="flex min-h-6 items-baseline gap-1.5 max-sm:min-h-9">
      <Link
        href={auditHref(params, { q: isOn ? without(params.q, term) : narrowed(params.q, term) })}
        scroll={false}
        onClick={showResults}
        aria-label={t(isOn ? 'facets.remove' : 'facets.add', { value: shown })}
        title={words === value ? words : `${words} · ${visibleText(value)}`}
        className={cx('min-w-0 flex-1 truncate hover:underline', isOn ? 'font-semibold text-accent' : 'text-ink')}
      >
        {shown}
      </Link>
      <span className="text-ink-2 tabular-nums">{format.number(count)}</span>
    </li>
  )
}

/** On a narrow screen the counts stand over the list and close with the search that they narrow: what is left begins at the top. */
function showResults() {
  if (window.innerWidth < 1024) window.scrollTo({ top: 0 })
}

/** A value in the reader's language, where it is a word of ours. */
function useValueWords(): (field: FacetField, value: string) => string {
  const [t, actions, common] = [useTranslations('audit'), useTranslations('actions'), useTranslations('common')]
  return (field, value) => {
    if (field === 'action') return actionWords(actions, value)
    if (field === 'outcome') return common(`outcome.${value as 'allowed'}`)
    if (field === 'actor') return t.has(`kind.${value as 'system'}`) ? t(`kind.${value as 'system'}`) : value
    if (field === 'source' && (value === 'server' || value === 'device')) return t(`known.${value}`, { source: '' })
    return value
  }
}
