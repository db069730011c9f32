'use client'

import { useTranslations } from 'next-intl'
import { columnsOf } from '#components/table/columns.ts'
import { DataTable, type DataTableProps } from '#components/table/data-table.tsx'
import { Tag } from '#components/ui/tag.tsx'
import { Time } from '#components/ui/time.tsx'
import type { FileView } from '#server/content/schema.ts'
import { FileSize } from './file-size.tsx'
import { FileStatusTag } from './file-status.tsx'

function Head({ name }: { name: 'name' | 'labels' | 'audience' | 'size' | 'status' | 'publishedBy' | 'published' }) {
  const t = useTranslations('files.column')
  return t(name)
}

export function AudienceText({ audience }: { audience: FileView['audience'] }) {
  const t = useTranslations('files.audience')
  return audience.everyone ? t('everyone') : t('people', { count: audience.people })
}

function Name({ file: { name, derivedFrom } }: { file: FileView }) {
  const t = useTranslations('files.lineage')
  return (
    <>
      {name} {derivedFrom && <Tag>{t('tag')}</Tag>}
    </>
  )
}

const column = columnsOf<FileView>()
const columns = [
  column.accessor('name', {
    header: () => <Head name="name" />,
    cell: (info) => <Name file={info.row.original} />,
    meta: { sortKey: 'name', className: 'max-w-72' },
  }),
  column.accessor('labels', {
    header: () => <Head name="labels" />,
    cell: (info) => (
      <span className="inline-flex gap-1">
        {info.getValue().map((label) => (
          <Tag key={label}>{label}</Tag>
        ))}
      </span>
    ),
    meta: { className: 'max-w-56' },
  }),
  column.accessor('audience', {
    header: () => <Head name="audience" />,
    cell: (info) => <AudienceText audience={info.getValue()} />,
  }),
  column.accessor('sizeBytes', {
    header: () => <Head name="size" />,
    cell: (info) => <FileSize bytes={info.getValue()} />,
    meta: { align: 'end', phone: 'hidden' },
  }),
  column.accessor('status', {
    header: () => <Head name="status" />,
    cell: (info) => <FileStatusTag status={info.getValue()} />,
    meta: { phone: 'aside' },
  }),
  column.accessor((file) => file.publishedBy?.name ?? '', {
    id: 'publishedBy',
    header: () => <Head name="publishedBy" />,
    meta: { phone: 'hidden', className: 'max-w-44' },
  }),
  column.accessor('publishedAt', {
    header: () => <Head name="published" />,
    cell: (info) => <Time value={info.getValue()} />,
    meta: { sortKey: 'created', firstSort: 'desc' },
  }),
]

type Props = Pick<DataTableProps<FileView>, 'rows' | 'sort' | 'pager' | 'empty'>

export function FilesTable(props: Props) {
  const t = useTranslations('files')
  return (
    <DataTable<FileView>
      {...props}
      label={t('title')}
      columns={columns}
      rowId={({ id }) => id}
      rowLabel={({ name }) => name}
      rowHref={({ id }) => `/files/${id}`}
    />
  )
}
