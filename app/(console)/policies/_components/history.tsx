import { useTranslations } from 'next-intl'
import { Card } from '#components/ui/card.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import { Tag } from '#components/ui/tag.tsx'
import { Time } from '#components/ui/time.tsx'
import type { PolicyVersionView } from '#server/policies/schema.ts'

type Props = {
  items: PolicyVersionView[]
  nextCursor: string | null
  isFirstPage: boolean
  current: number
  mayWrite: boolean
}

export function History({ items, nextCursor, isFirstPage, current, mayWrite }: Props) {
  const t = useTranslations('policies.history')
  return (
    <section aria-labelledby="history" className="mt-6">
      <h2 id="history" className="mb-2 text-lead font-strong">
        {t('title')}
      </h2>
      <Card clip>
        <ul>
          {items.map((item) => (
            <HistoryRow key={item.version} item={item} isCurrent={item.version === current} mayWrite={mayWrite} />
          ))}
        </ul>
      </Card>
      <p className="mt-2 flex gap-2">
        {!isFirstPage && <ButtonLink href="/policies">{t('newest')}</ButtonLink>}
        {nextCursor && <ButtonLink href={`/policies?versions=${nextCursor}`}>{t('older')}</ButtonLink>}
      </p>
    </section>
  )
}

function HistoryRow({ item, isCurrent, mayWrite }: { item: PolicyVersionView; isCurrent: boolean; mayWrite: boolean }) {
  const t = useTranslations('policies.history')
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-1 border-b border-line px-3 py-1.5 last:border-0">
      <span className="w-10 font-mono text-mono text-ink-2">{t('version', { version: item.version })}</span>
      <span className="min-w-40 flex-1">{noteOf(item, t)}</span>
      <span className="min-w-56 flex-1 text-ink-2">
        {t('published')} <Time value={item.publishedAt} />{' '}
        {item.publishedBy && t('by', { name: item.publishedBy.name })}
      </span>
      {isCurrent && <Live devices={item.devices} />}
      <span className="flex gap-1.5">
        <ButtonLink
          href={`/policies/versions/${item.version}`}
          aria-label={`${t('diff')}: ${t('version', { version: item.version })}`}
        >
          {t('diff')}
        </ButtonLink>
        {mayWrite && !isCurrent && (
          <ButtonLink
            href={`/policies/versions/${item.version}/restore`}
            aria-label={`${t('restore')}: ${t('version', { version: item.version })}`}
          >
            {t('restore')}
          </ButtonLink>
        )}
      </span>
    </li>
  )
}

function noteOf(item: PolicyVersionView, t: ReturnType<typeof useTranslations<'policies.history'>>): string {
  if (item.note) return item.note
  if (item.restoredFrom !== null) return t('restoredFrom', { version: item.restoredFrom })
  return item.version === 1 ? t('start') : t('noNote')
}

function Live({ devices }: { devices: PolicyVersionView['devices'] }) {
  const t = useTranslations('policies.history')
  return (
    <Tag tone="ok">{devices.active === 0 ? t('liveNone') : t('live', { percent: devices.have / devices.active })}</Tag>
  )
}
