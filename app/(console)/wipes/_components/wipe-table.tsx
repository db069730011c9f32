'use client'

import { useTranslations } from 'next-intl'
import { columnsOf } from '#components/table/columns.ts'
import { DataTable, type DataTableProps } from '#components/table/data-table.tsx'
import { RelativeTime } from '#components/ui/relative-time.tsx'
import { Time } from '#components/ui/time.tsx'
import type { WipeLine } from '#server/devices/schema.ts'
import { Reason } from './reason.tsx'
import { WipeStateTag } from './wipe-state.tsx'

function Head({ name }: { name: 'device' | 'owner' | 'state' | 'reason' | 'by' | 'asked' | 'changed' }) {
  const t = useTranslations('wipe')
  return t(`column.${name}`)
}

const column = columnsOf<WipeLine>()
const columns = [
  column.accessor('deviceName', {
    header: () => <Head name="device" />,
    meta: { phone: 'first', className: 'max-w-56' },
  }),
  column.accessor('personName', { header: () => <Head name="owner" />, meta: { className: 'max-w-48' } }),
  column.accessor('state', {
    header: () => <Head name="state" />,
    cell: (info) => <WipeStateTag state={info.getValue()} />,
    meta: { phone: 'aside' },
  }),
  column.accessor('reason', {
    header: () => <Head name="reason" />,
    cell: (info) => <Reason reason={info.getValue()} />,
    meta: { className: 'max-w-48' },
  }),
  column.accessor('requestedBy', {
    header: () => <Head name="by" />,
    cell: (info) => info.getValue().name,
    meta: { phone: 'hidden' },
  }),
  column.accessor('createdAt', {
    header: () => <Head name="asked" />,
    cell: (info) => <Time value={info.getValue()} />,
    meta: { phone: 'hidden' },
  }),
  column.accessor('updatedAt', {
    header: () => <Head name="changed" />,
    cell: (info) => <RelativeTime value={info.getValue()} />,
  }),
]

export function WipeTable(props: Pick<DataTableProps<WipeLine>, 'rows' | 'pager' | 'empty'>) {
  const t = useTranslations('wipe')
  return (
    <DataTable<WipeLine>
      {...props}
      label={t('title')}
      columns={columns}
      rowId={({ id }) => id}
      rowLabel={({ deviceName }) => deviceName}
      rowHref={({ id }) => `/wipes/${id}`}
    />
  )
}
