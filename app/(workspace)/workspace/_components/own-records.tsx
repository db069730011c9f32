'use client'

import { useTranslations } from 'next-intl'
import { Fragment, useState } from 'react'
import { visibleText } from '#components/audit/visible-text.ts'
import { Button } from '#components/ui/button.tsx'
import { ErrorState, SkeletonRows } from '#components/ui/states.tsx'
import { Tag } from '#components/ui/tag.tsx'
import { Time } from '#components/ui/time.tsx'
import type { OwnRecord } from '#protocol/device/person.ts'
import { useEnrolled } from '../_agent/workspace-provider.tsx'
import { recordParts } from './record-text.ts'
import { useActionWord } from './use-action-word.ts'
import { useLoaded } from './use-loaded.ts'

/** What the audit log holds about this person, newest first, a page at a time. */
export function OwnRecords() {
  const t = useTranslations('workspace')
  const [cursors, setCursors] = useState<string[]>([])
  return (
    <>
      <p className="mb-2 text-ink-2">{t('records.text')}</p>
      <RecordPage cursor={undefined} onMore={cursors.length === 0 ? (next) => setCursors([next]) : undefined} />
      {cursors.map((cursor, index) => (
        <RecordPage
          key={cursor}
          cursor={cursor}
          onMore={index === cursors.length - 1 ? (next) => setCursors([...cursors, next]) : undefined}
        />
      ))}
    </>
  )
}

function RecordPage({ cursor, onMore }: { cursor: string | undefined; onMore: ((next: string) => void) | undefined }) {
  const t = useTranslations('workspace')
  const common = useTranslations('common')
  const { store } = useEnrolled()
  const { loaded, again } = useLoaded(async () => (await store.agent.device()).client.records(cursor), cursor ?? '')
  if (loaded.state === 'loading') return <SkeletonRows rows={4} />
  if (loaded.state === 'failed') return <ErrorState action={<Button onClick={again}>{common('retry')}</Button>} />
  const { items, nextCursor } = loaded.value
  return (
    <>
      <ul aria-label={t('me.records')}>
        {items.map((record) => (
          <RecordLine key={record.id} record={record} />
        ))}
      </ul>
      {nextCursor && onMore && (
        <Button className="mt-2" onClick={() => onMore(nextCursor)}>
          {t('records.more')}
        </Button>
      )}
    </>
  )
}

function RecordLine({ record }: { record: OwnRecord }) {
  const t = useTranslations('workspace')
  const common = useTranslations('common')
  const names = useTranslations('names')
  const word = useActionWord()
  const enforcement = (['prevented', 'obscured', 'detected'] as const).find((known) => known === record.enforcement)
  return (
    <li className="border-b border-line py-1.5 last:border-0">
      <span className="flex flex-wrap items-baseline gap-x-2">
        <b>{word(record.action)}</b>
        {record.outcome !== 'allowed' && <Tag tone="warn">{t(`outcome.${outcomeOf(record)}`)}</Tag>}
        {enforcement && <Tag>{common(`enforcementWords.${enforcement}`)}</Tag>}
      </span>
      <span className="block text-ink-2 wrap-anywhere">
        <Time value={record.at} precision="second" />
        {recordParts({ names, workspace: t }, record).map((part) => (
          <Fragment key={part}>
            {' · '}
            <bdi>{part}</bdi>
          </Fragment>
        ))}
        {record.reason && ` · “${visibleText(record.reason)}”`}
      </span>
    </li>
  )
}

function outcomeOf({ outcome }: OwnRecord): 'denied' | 'failed' | 'pending' {
  return outcome === 'denied' || outcome === 'pending' ? outcome : 'failed'
}
