import { useTranslations } from 'next-intl'
import { Card, Panel } from '#components/ui/card.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import { Tag } from '#components/ui/tag.tsx'
import { Time } from '#components/ui/time.tsx'
import type { Need } from './needs.ts'

/** What waits for somebody, one action each. */
export function NeedsPanel({ needs }: { needs: Need[] }) {
  const t = useTranslations('overview.needs')
  return (
    <Card className="mb-4">
      <Panel title={t('title')}>
        {needs.length === 0 ? (
          <p className="text-ink-2">{t('none')}</p>
        ) : (
          <ul>
            {needs.map((need) => (
              <Line key={need.key} need={need} />
            ))}
          </ul>
        )}
      </Panel>
    </Card>
  )
}

function Line({ need: { key, tone, count, name, href, at } }: { need: Need }) {
  const t = useTranslations('overview.needs')
  return (
    <li className="flex flex-wrap items-center gap-x-3 gap-y-1.5 border-line border-t py-2 first:border-0">
      <Tag tone={tone}>{t(`${key}.tag`)}</Tag>
      <span className="min-w-0 flex-1 basis-56">
        {t(`${key}.text`, { count, name })} {at && <Time value={at} />}
      </span>
      <ButtonLink href={href}>{t(`${key}.action`)}</ButtonLink>
    </li>
  )
}
