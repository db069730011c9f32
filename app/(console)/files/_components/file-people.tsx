import { useTranslations } from 'next-intl'
import { Card, Panel } from '#components/ui/card.tsx'
import { ButtonLink, Link } from '#components/ui/link.tsx'
import { Time } from '#components/ui/time.tsx'
import type { FileDetail } from '#server/content/schema.ts'

/** Who may have it, and who was handed it: two different questions. */
export function FilePeople({ file, mayEdit }: { file: FileDetail; mayEdit: boolean }) {
  const t = useTranslations('files.detail')
  const { people, audience } = file
  const edit = mayEdit && <ButtonLink href={`/files/${file.id}/audience`}>{t('editAudience')}</ButtonLink>
  return (
    <Card>
      <Panel title={t('forWhom')} aside={edit || undefined}>
        {audience.everyone ? (
          <p>{t('everyone')}</p>
        ) : (
          <ul className="mt-1">
            {people.map(({ id, name, email }) => (
              <li key={id} className="flex flex-wrap gap-x-3 py-0.5">
                <Link href={`/people/${id}`}>{name}</Link>
                <span className="text-ink-2">{email}</span>
              </li>
            ))}
          </ul>
        )}
        {audience.people > people.length && (
          <p className="text-ink-2">{t('peopleMore', { shown: people.length, count: audience.people })}</p>
        )}
      </Panel>
    </Card>
  )
}

export function FileHolders({ file: { holders, holderCount } }: { file: FileDetail }) {
  const t = useTranslations('files.detail')
  return (
    <Card className="mt-4">
      <Panel title={t('holders')}>
        {holders.length === 0 && <p className="text-ink-2">{t('holdersNone')}</p>}
        <ul className="mt-1">
          {holders.map(({ device, person, lastAt, times }) => (
            <li key={`${device.id} ${lastAt.toISOString()}`} className="flex flex-wrap gap-x-3 py-0.5">
              <Link href={`/devices/${device.id}`}>{device.name}</Link>
              <Link href={`/people/${person.id}`}>{person.name}</Link>
              <span className="text-ink-2">
                {t('times', { count: times })} <Time value={lastAt} />
              </span>
            </li>
          ))}
        </ul>
        {holderCount > holders.length && (
          <p className="text-ink-2">{t('holdersMore', { shown: holders.length, count: holderCount })}</p>
        )}
      </Panel>
    </Card>
  )
}
