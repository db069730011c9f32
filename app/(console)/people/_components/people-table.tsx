'use client'

import { useTranslations } from 'next-intl'
import { columnsOf } from '#components/table/columns.ts'
import { DataTable, type DataTableProps } from '#components/table/data-table.tsx'
import { Tag } from '#components/ui/tag.tsx'
import { Time } from '#components/ui/time.tsx'
import type { PersonView } from '#server/people/schema.ts'
import { PersonStatusTag } from './person-status.tsx'

export type PersonRow = PersonView & { hasFactor: boolean }

function Head({ name }: { name: 'name' | 'email' | 'role' | 'status' | 'factor' | 'created' }) {
  const t = useTranslations('people')
  return t(`column.${name}`)
}

function Role({ role }: { role: PersonRow['role'] }) {
  const t = useTranslations('people')
  return t(`role.${role}`)
}

function Factor({ person }: { person: PersonRow }) {
  const t = useTranslations('people')
  return person.hasFactor ? t('factor.on') : <Tag tone="warn">{t('factor.off')}</Tag>
}

const column = columnsOf<PersonRow>()
const columns = [
  column.accessor('name', { header: () => <Head name="name" />, meta: { sortKey: 'name', className: 'max-w-56' } }),
  column.accessor('email', { header: () => <Head name="email" />, meta: { sortKey: 'email', className: 'max-w-64' } }),
  column.accessor('role', { header: () => <Head name="role" />, cell: (info) => <Role role={info.getValue()} /> }),
  column.accessor('status', {
    header: () => <Head name="status" />,
    cell: (info) => <PersonStatusTag status={info.getValue()} />,
    meta: { phone: 'aside' },
  }),
  column.display({
    id: 'factor',
    header: () => <Head name="factor" />,
    cell: (info) => <Factor person={info.row.original} />,
    meta: { phone: 'hidden' },
  }),
  column.accessor('createdAt', {
    header: () => <Head name="created" />,
    cell: (info) => <Time value={info.getValue()} precision="day" />,
    meta: { sortKey: 'created', firstSort: 'desc', phone: 'hidden' },
  }),
]

type Props = Pick<DataTableProps<PersonRow>, 'rows' | 'sort' | 'pager' | 'empty'>

export function PeopleTable(props: Props) {
  const t = useTranslations('people')
  return (
    <DataTable<PersonRow>
      {...props}
      label={t('title')}
      columns={columns}
      rowId={({ id }) => id}
      rowLabel={({ name }) => name}
      rowHref={({ id }) => `/people/${id}`}
    />
  )
}
