import { getTranslations } from 'next-intl/server'
import { Time } from '#components/ui/time.tsx'
import { auditHistogram } from '#server/audit/queries.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import { isAppError } from '#server/kernel/errors.ts'
import { type AuditParams, auditHref } from '../search-params.ts'
import { BrushHistogram } from './brush-histogram.tsx'

type Props = { actor: PersonActor; ask: { q: string; from?: string; to?: string }; params: AuditParams }

/** When the matches happened; a bar or a dragged part of it is the same search in a narrower time. */
export async function HistogramCard({ actor, ask, params }: Props) {
  const t = await getTranslations('audit')
  const found = await auditHistogram(actor, { ...ask, buckets: 84 }).catch((error: unknown) => {
    if (isAppError(error) && error.code === 'unavailable') return null
    throw error
  })
  if (!found) return <p className="mt-2 text-ink-2">{t('histogram.slow')}</p>
  const buckets = found.buckets.map(({ start, count, denied, failed }) => ({ start, count, flagged: denied + failed }))
  if (buckets.every(({ count }) => count === 0)) return <p className="mt-2 text-ink-3">{t('histogram.none')}</p>
  return (
    <section aria-label={t('histogram.label')} className="mt-2">
      <BrushHistogram
        buckets={buckets}
        from={found.from}
        to={found.to}
        widthMs={found.widthMs}
        baseHref={auditHref(params, { last: null, from: null, to: null })}
      />
      {found.partial && (
        <p className="mt-1 text-ink-2">
          {t.rich('histogram.partial', { at: () => <Time value={found.searchedBackTo} /> })}
        </p>
      )}
    </section>
  )
}
