'use client'

import { useLocale, useTimeZone, useTranslations } from 'next-intl'
import { ActionTag } from '#components/audit/event-tags.tsx'
import { ResultBadge } from '#components/audit/result-badge.tsx'
import { columnsOf } from '#components/table/columns.ts'
import { DataTable, type DataTableProps } from '#components/table/data-table.tsx'
import { parseSort } from '#components/table/list-url.ts'
import { Mono } from '#components/ui/mono.tsx'
import { Time, ZoneName } from '#components/ui/time.tsx'
import type { AuditEventView } from '#server/audit/schema.ts'
import { actionWords } from '../_action-words.ts'
import { guardedOperation } from '../_enforcement.ts'

export type EventRow = AuditEventView & { href: string }

function Head({ name }: { name: 'time' | 'actor' | 'action' | 'target' | 'device' | 'result' }) {
  const t = useTranslations('audit')
  return t(`column.${name}`)
}

function TimeHead() {
  return (
    <>
      <Head name="time" /> <ZoneName at={new Date()} />
    </>
  )
}

// Making a formatter costs more than using it for every row.
const formats = new Map<string, Intl.DateTimeFormat>()

function dayFormat(region: string, timeZone: string): Intl.DateTimeFormat {
  const key = `${region} ${timeZone}`
  const format = formats.get(key) ?? new Intl.DateTimeFormat(region, { day: 'numeric', month: 'short', timeZone })
  formats.set(key, format)
  return format
}

/** Day and clock; the year stands in the title. */
function When({ at }: { at: string }) {
  const region = useLocale() === 'en' ? 'en-GB' : 'zh-CN'
  const timeZone = useTimeZone() ?? 'UTC'
  return (
    <span className="font-mono text-mono whitespace-nowrap" suppressHydrationWarning>
      <span className="text-ink-3">{dayFormat(region, timeZone).format(new Date(at))} </span>
      <Time value={at} precision="millisecond" dateless hideZone />
    </span>
  )
}

function Actor({ actor }: { actor: EventRow['actor'] }) {
  const t = useTranslations('audit')
  return actor.name ?? t(`kind.${actor.kind}`)
}

function Action({ action }: { action: string }) {
  const t = useTranslations('actions')
  return <ActionTag action={action} words={actionWords(t, action)} />
}

/** In the row as it stands in the event: one word could pass for more than is true. */
function Result({ event, short = false }: { event: EventRow; short?: boolean }) {
  const t = useTranslations('common')
  const { action, outcome, enforcement } = event
  const isGuarded = enforcement && !short && guardedOperation(action) !== null
  const words = isGuarded ? t(`enforcementWords.${enforcement}`) : null
  return <ResultBadge outcome={outcome} enforcement={enforcement ?? null} words={words} />
}

const column = columnsOf<EventRow>()
const columns = [
  column.accessor('occurredAt', {
    id: 'time',
    header: () => <TimeHead />,
    cell: (info) => <When at={info.getValue()} />,
    meta: { sortKey: 'time', firstSort: 'desc', phone: 'second' },
  }),
  column.accessor('actor', {
    header: () => <Head name="actor" />,
    cell: (info) => <Actor actor={info.getValue()} />,
    meta: { phone: 'first', className: 'max-w-40' },
  }),
  column.accessor('action', {
    header: () => <Head name="action" />,
    cell: (info) => <Action action={info.getValue()} />,
    meta: { phone: 'second' },
  }),
  column.display({
    id: 'target',
    header: () => <Head name="target" />,
    cell: (info) => info.row.original.target?.name ?? info.row.original.target?.id ?? '',
    meta: { phone: 'second', className: 'max-w-44' },
  }),
  column.display({
    id: 'device',
    header: () => <Head name="device" />,
    cell: ({ row }) => row.original.device && <Mono>{row.original.device.name ?? row.original.device.id}</Mono>,
    meta: { phone: 'hidden', className: 'max-w-36' },
  }),
  column.display({
    id: 'result',
    header: () => <Head name="result" />,
    cell: ({ row }) => <Result event={row.original} />,
    meta: { phone: 'aside' },
  }),
]

/** Beside a detail there is less room, and the device and all words stand in the detail. */
const fewColumns = [
  ...columns.filter(({ id }) => id !== 'device' && id !== 'result'),
  column.display({
    id: 'result',
    header: () => <Head name="result" />,
    cell: ({ row }) => <Result event={row.original} short />,
    meta: { phone: 'aside' },
  }),
]

type Props = Pick<DataTableProps<EventRow>, 'rows' | 'selectedId' | 'pager' | 'empty'> & { sort: string }

export function EventTable({ sort, ...props }: Props) {
  const t = useTranslations('audit')
  const actions = useTranslations('actions')
  return (
    <DataTable<EventRow>
      {...props}
      label={t('title')}
      columns={props.selectedId ? fewColumns : columns}
      sort={parseSort(sort)}
      rowId={({ id }) => id}
      rowLabel={({ action, actor, target }) =>
        [actionWords(actions, action), actor.name, target?.name].filter(Boolean).join(' · ')
      }
      rowHref={({ href }) => href}
    />
  )
}
