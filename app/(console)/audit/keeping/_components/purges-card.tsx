import { getFormatter, getTranslations } from 'next-intl/server'
import { Card, Panel } from '#components/ui/card.tsx'
import { Link } from '#components/ui/link.tsx'
import { Time } from '#components/ui/time.tsx'
import type { PurgeView } from '#server/audit/schema.ts'

type Props = { purges: { items: readonly PurgeView[]; nextCursor: string | null } }

export async function PurgesCard({ purges }: Props) {
  const t = await getTranslations('keeping')
  return (
    <Card>
      <Panel title={t('purges.title')}>
        <p className="text-ink-2">{t('purges.intro')}</p>
        {purges.items.length === 0 && <p className="mt-2">{t('purges.empty')}</p>}
        <ul aria-label={t('purges.title')}>
          {purges.items.map((purge) => (
            <li key={purge.id} className="border-b border-line py-2 last:border-0">
              <Purge purge={purge} />
            </li>
          ))}
        </ul>
        {purges.nextCursor && <Link href={`/audit/keeping?cursor=${purges.nextCursor}`}>{t('purges.older')}</Link>}
      </Panel>
    </Card>
  )
}

async function Purge({ purge }: { purge: PurgeView }) {
  const [t, format] = await Promise.all([getTranslations('keeping'), getFormatter()])
  const kept = purge.holds.map(({ name, kept: count }) => t('purges.holdKept', { name, kept: count }))
  return (
    <div className="flex flex-wrap items-baseline justify-between gap-x-4">
      <div className="min-w-0">
        <p>
          {t(`class.${purge.class}`)}:{' '}
          {t.rich('purges.line', {
            count: purge.events,
            first: () => <Time value={purge.firstAt} precision="day" />,
            last: () => <Time value={purge.lastAt} precision="day" />,
          })}
        </p>
        <p className="text-ink-3 tabular-nums">
          <Time value={purge.removedAt} /> · {t('purges.places', { from: purge.from, to: purge.to - 1 })}
          {kept.length > 0 && ` · ${t('purges.kept', { holds: format.list(kept) })}`}
        </p>
      </div>
      <Link href={`/api/v1/audit/purges/${purge.id}/certificate`} download prefetch={false}>
        {t('purges.certificate')}
      </Link>
    </div>
  )
}
