'use client'

import { useTranslations } from 'next-intl'
import { columnsOf } from '#components/table/columns.ts'
import { DataTable, type DataTableProps } from '#components/table/data-table.tsx'
import { Mono } from '#components/ui/mono.tsx'
import { RelativeTime } from '#components/ui/relative-time.tsx'
import { Tag } from '#components/ui/tag.tsx'
import type { DeviceView } from '#server/devices/schema.ts'
import { DeviceStatusTag } from './device-status.tsx'

function Head({ name }: { name: 'name' | 'owner' | 'platform' | 'app' | 'status' | 'lastSeen' | 'tls' }) {
  const t = useTranslations('devices')
  return t(`column.${name}`)
}

function Name({ device }: { device: DeviceView }) {
  const t = useTranslations('devices')
  return (
    <span className="inline-flex min-w-0 items-center gap-2">
      <span className="truncate">{device.name}</span>
      {device.problem && <Tag tone="warn">{t('problem.short')}</Tag>}
      {device.missingEvents > 0 && <Tag tone="warn">{t('missing.short')}</Tag>}
    </span>
  )
}

function Platform({ device }: { device: DeviceView }) {
  const t = useTranslations('devices')
  return `${t(`platform.${device.platform}`)} ${device.osVersion}`
}

function LastSeen({ device }: { device: DeviceView }) {
  const t = useTranslations('devices')
  return device.online ? <span className="text-ok">{t('online')}</span> : <RelativeTime value={device.lastSeenAt} />
}

const column = columnsOf<DeviceView>()
const columns = [
  column.accessor('name', {
    header: () => <Head name="name" />,
    cell: (info) => <Name device={info.row.original} />,
    meta: { sortKey: 'name', phone: 'first', className: 'max-w-64' },
  }),
  column.accessor('person', {
    header: () => <Head name="owner" />,
    cell: (info) => info.getValue().name,
    meta: { className: 'max-w-48' },
  }),
  column.accessor('platform', {
    header: () => <Head name="platform" />,
    cell: (info) => <Platform device={info.row.original} />,
    meta: { className: 'max-w-44' },
  }),
  column.accessor('status', {
    header: () => <Head name="status" />,
    cell: (info) => <DeviceStatusTag status={info.getValue()} />,
    meta: { phone: 'aside' },
  }),
  column.accessor('lastSeenAt', {
    header: () => <Head name="lastSeen" />,
    cell: (info) => <LastSeen device={info.row.original} />,
    meta: { sortKey: 'lastSeen', firstSort: 'desc' },
  }),
  column.accessor('appVersion', { header: () => <Head name="app" />, meta: { phone: 'hidden' } }),
  column.accessor('tls', {
    header: () => <Head name="tls" />,
    cell: (info) => <Mono>{info.getValue()?.protocol ?? '–'}</Mono>,
    meta: { phone: 'hidden' },
  }),
]

/** Beside a detail there is room for what tells devices apart, and no more. */
const narrow = columns.filter((_, index) => index === 0 || index === 1 || index === 3 || index === 4)

type Props = Pick<DataTableProps<DeviceView>, 'rows' | 'sort' | 'pager' | 'empty' | 'selectedId'> & { query: string }

export function DeviceTable({ query, ...props }: Props) {
  const t = useTranslations('devices')
  return (
    <DataTable<DeviceView>
      {...props}
      label={t('title')}
      columns={props.selectedId ? narrow : columns}
      rowId={({ id }) => id}
      rowLabel={({ name }) => name}
      rowHref={({ id }) => `/devices/${id}${query}`}
    />
  )
}
