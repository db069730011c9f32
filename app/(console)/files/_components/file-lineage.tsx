import { useTranslations } from 'next-intl'
import { Card, Panel } from '#components/ui/card.tsx'
import { Link } from '#components/ui/link.tsx'
import { Time } from '#components/ui/time.tsx'
import type { DerivedFile, Lineage } from '#server/content/queries.ts'
import { FileStatusTag } from './file-status.tsx'

type Props = { fileId: string; lineage: Lineage }

/** Where a file was forwarded from and to; nothing where nobody forwarded it. */
export function FileLineage({ fileId, lineage: { root, items, count } }: Props) {
  const t = useTranslations('files.lineage')
  if (count === 0) return null
  const self = items.find(({ id }) => id === fileId)
  const copies = self || root.id !== fileId ? items.filter(({ derivedFrom }) => derivedFrom === fileId) : items
  return (
    <Card className="mt-4">
      <Panel title={t('title')}>
        {root.id !== fileId && (
          <p className="mb-1">
            {t.rich(self?.forwardedBy ? 'copyBy' : 'copy', {
              name: self?.forwardedBy?.name ?? '',
              root: () => (
                <Link href={`/files/${root.id}`} className="underline">
                  {root.name}
                </Link>
              ),
            })}{' '}
            {self && <Time value={self.at} />}
          </p>
        )}
        {copies.length === 0 && <p className="text-ink-2">{t('none')}</p>}
        <ul className="mt-1">
          {copies.map((copy) => (
            <Copy key={copy.id} copy={copy} isIndirect={copy.derivedFrom !== fileId} />
          ))}
        </ul>
        {count > items.length && <p className="text-ink-2">{t('more', { shown: items.length, count })}</p>}
        <p className="mt-1">
          <Link href={`/audit?q=${encodeURIComponent(`action:file.forward ${root.id}`)}`}>{t('audit')}</Link>
        </p>
      </Panel>
    </Card>
  )
}

function Copy({
  copy: { id, name, status, forwardedBy, to, at },
  isIndirect,
}: {
  copy: DerivedFile
  isIndirect: boolean
}) {
  const t = useTranslations('files.lineage')
  const names = to.map((person) => person.name).join(', ')
  return (
    <li className="flex flex-wrap items-baseline gap-x-3 py-0.5">
      <Link href={`/files/${id}`}>{names === '' ? name : t('to', { names })}</Link>
      <span className="text-ink-2">
        {forwardedBy && t('by', { name: forwardedBy.name })} <Time value={at} />
      </span>
      {isIndirect && <span className="text-ink-3">{t('indirect')}</span>}
      {status !== 'published' && <FileStatusTag status={status} />}
    </li>
  )
}
