import { useTranslations } from 'next-intl'
import { ActionTag } from '#components/audit/event-tags.tsx'
import { ResultBadge } from '#components/audit/result-badge.tsx'
import { visibleText } from '#components/audit/visible-text.ts'
import { Tag } from '#components/ui/tag.tsx'
import { LATE_MS } from '#server/devices/schema.ts'
import { actionWords } from '../_action-words.ts'
import type { ColumnName } from '../_columns.ts'
import { guardedOperation } from '../_enforcement.ts'
import type { EventRow } from '../_rows.ts'
import { ActorName, Name, useActorWords, useNameWords } from './pseudonym.tsx'

/** Times in the reader's language and zone; made once for all rows. */
export type When = { day: (at: string) => string; clock: (at: string) => string }

type CellProps = { row: EventRow; when: When; isShort: boolean }

/** What stands in one column of a row. */
export function EventCell({ column, ...props }: CellProps & { column: ColumnName }) {
  const { row, when } = props
  switch (column) {
    case 'time':
      return <Moment at={row.at} when={when} />
    case 'recorded':
      return <Moment at={row.recorded ?? row.at} when={when} />
    case 'actor':
      return <Actor row={row} />
    case 'action':
      return <Action action={row.action} />
    case 'result':
      return <Result {...props} />
    case 'known':
      return <Known row={row} />
    case 'target':
    case 'device':
      return row[column] === undefined ? null : <Name>{row[column]}</Name>
    case 'labels':
      return row.labels && visibleText(row.labels.join(', '))
    default:
      return row[column] === undefined ? null : visibleText(row[column])
  }
}

/** The whole row in one line: what its link is called. */
export function useRowLabel(): (row: EventRow, when: When) => string {
  const [t, actions, common] = [useTranslations('audit'), useTranslations('actions'), useTranslations('common')]
  const [nameWords, actorWords] = [useNameWords(), useActorWords()]
  return (row, when) =>
    [
      `${when.day(row.at)} ${when.clock(row.at)}`,
      row.actor === undefined ? t(`kind.${row.kind}`) : actorWords({ kind: row.kind, name: row.actor }),
      actionWords(actions, row.action),
      row.action,
      row.target && nameWords(row.target),
      row.enforcement ? common(`enforcementWords.${row.enforcement}`) : common(`outcome.${row.outcome}`),
    ]
      .filter(Boolean)
      .join(' · ')
}

function Moment({ at, when }: { at: string; when: When }) {
  return (
    <time dateTime={at} suppressHydrationWarning>
      <span>{`${when.day(at)} `}</span>
      {when.clock(at)}
    </time>
  )
}

function Actor({ row }: { row: EventRow }) {
  const t = useTranslations('audit')
  return row.actor === undefined ? t(`kind.${row.kind}`) : <ActorName kind={row.kind} name={row.actor} />
}

function Action({ action }: { action: string }) {
  const t = useTranslations('actions')
  return <ActionTag action={action} words={actionWords(t, action)} />
}

/** Beside an event one word has to do; in the list all that is true of an attempt: one word could pass for more. */
function Result({ row: { action, outcome, enforcement }, isShort }: CellProps) {
  const t = useTranslations('common')
  const isGuarded = enforcement && !isShort && guardedOperation(action) !== null
  const words = isGuarded ? t(`enforcementWords.${enforcement}`) : null
  return <ResultBadge outcome={outcome} enforcement={enforcement ?? null} words={words} />
}

/** Who states it, and what speaks against taking its time as it stands. */
function Known({ row }: { row: EventRow }) {
  const t = useTranslations('audit')
  const [kind = '', name = ''] = row.source.split(/:(.*)/s)
  const known = kind === 'server' || kind === 'device' || kind === 'import' ? kind : 'app'
  return (
    <span className="flex min-w-0 items-center gap-1" title={t(`knownFrom.${known}`, { source: visibleText(name) })}>
      {/* Who states it is never crowded out: what is marked beside it gives way, and says the same as its title. */}
      <span className={known === 'server' || known === 'device' ? 'shrink-0' : 'min-w-[3.4em] truncate'}>
        {t(`known.${known}`, { source: visibleText(name) })}
      </span>
      {row.isSuspect && (
        <Tag tone="warn" title={t('event.suspect')} className="min-w-0 truncate">
          {t('row.suspect')}
        </Tag>
      )}
      <Late row={row} isImported={known === 'import'} />
    </span>
  )
}

const [HOUR_MS, DAY_MS] = [3_600_000, 86_400_000]

/** A file of history is late by its nature: that it is imported says it. */
function Late({ row, isImported }: { row: EventRow; isImported: boolean }) {
  const t = useTranslations('audit')
  const lateMs = row.recorded ? Date.parse(row.recorded) - Date.parse(row.at) : 0
  if (lateMs < LATE_MS || isImported) return null
  const unit = lateMs < 2 * DAY_MS ? 'Hours' : 'Days'
  const count = Math.floor(lateMs / (unit === 'Hours' ? HOUR_MS : DAY_MS))
  return (
    <Tag tone="warn" title={t(`row.late${unit}Long`, { count })} className="min-w-0 truncate">
      {t(`row.late${unit}`, { count })}
    </Tag>
  )
}
