import { getTranslations } from 'next-intl/server'
import { Card, CardFoot, Panel } from '#components/ui/card.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { Time } from '#components/ui/time.tsx'
import type { ArchiveView } from '#server/audit/schema.ts'
import { fileSize } from '../../../files/_components/size.ts'

/** The rule, what is archived and where, and how the last night went. */
export async function ArchiveCard({ archive, mayChange }: { archive: ArchiveView; mayChange: boolean }) {
  const t = await getTranslations('keeping.archive')
  const { days, cold, ranAt, problem } = archive
  return (
    <Card>
      <Panel title={t('title')}>
        <p className="text-lead">{days === null ? t('never') : t('after', { count: days })}</p>
        <p className="text-ink-2">{t('intro')}</p>
        {cold ? <Cold cold={cold} place={archive.place} /> : <p className="mt-2">{t('empty')}</p>}
        {problem && (
          <Notice tone="danger" className="mt-3">
            {t('stopped')} {t(`problem.${problem}`)}
          </Notice>
        )}
        {ranAt && <p className="mt-2 text-ink-3">{t.rich('ran', { at: () => <Time value={ranAt} /> })}</p>}
      </Panel>
      <CardFoot>
        {mayChange ? (
          <ButtonLink href="/audit/keeping/archive">{t('change')}…</ButtonLink>
        ) : (
          <p className="text-ink-3">{t('needsAdmin')}</p>
        )}
      </CardFoot>
    </Card>
  )
}

async function Cold({ cold, place }: { cold: NonNullable<ArchiveView['cold']>; place: ArchiveView['place'] }) {
  const [t, sizes] = await Promise.all([getTranslations('keeping.archive'), getTranslations('files.size')])
  const { first, last, events, files, bytes } = cold
  const { unit, value } = fileSize(bytes)
  const size = sizes(unit, { value })
  return (
    <dl className="mt-2">
      <Fact name={t('days')} value={`${first} – ${last} (UTC)`} />
      <Fact name={t('events')} value={t('count', { count: events })} />
      <Fact name={t('size')} value={t('sizeOf', { size, count: files })} />
      <Fact name={t('place')} value={place.kind === 's3' ? t('bucket', { name: place.bucket }) : t('directory')} />
    </dl>
  )
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div className="flex flex-wrap justify-between gap-x-4 border-b border-line py-1.5 last:border-0">
      <dt className="text-ink-2">{name}</dt>
      <dd className="min-w-0 wrap-anywhere tabular-nums">{value}</dd>
    </div>
  )
}
