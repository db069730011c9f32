'use client'

import { ActionTag } from '#components/audit/event-tags.tsx'
import { ResultBadge } from '#components/audit/result-badge.tsx'
import { columnsOf } from '#components/table/columns.ts'
import { DataTable } from '#components/table/data-table.tsx'
import { FilterBar, NoMatch } from '#components/table/filter-bar.tsx'
import { Button } from '#components/ui/button.tsx'
import { Mono } from '#components/ui/mono.tsx'
import { Time } from '#components/ui/time.tsx'

type Row = {
  id: string
  at: string
  actor: string
  action: string
  target: string
  device: string
  enforcement: 'prevented' | 'detected' | 'none'
}

const column = columnsOf<Row>()
const columns = column.columns([
  column.accessor('at', {
    header: 'Time',
    cell: ({ getValue }) => (
      <Mono>
        <Time value={getValue()} precision="millisecond" dateless hideZone />
      </Mono>
    ),
    meta: { sortKey: 'at', firstSort: 'desc', phone: 'second' },
  }),
  column.accessor('actor', { header: 'Actor', meta: { phone: 'first' } }),
  column.accessor('action', {
    header: 'Action',
    cell: ({ getValue }) => <ActionTag action={getValue()} />,
    meta: { phone: 'second' },
  }),
  column.accessor('target', { header: 'Target', meta: { phone: 'second' } }),
  column.accessor('device', {
    header: 'Device',
    cell: ({ getValue }) => <Mono>{getValue()}</Mono>,
    meta: { phone: 'hidden' },
  }),
  column.accessor('enforcement', {
    header: 'Result',
    cell: ({ getValue }) => (
      <ResultBadge outcome={getValue() === 'prevented' ? 'denied' : 'allowed'} enforcement={getValue()} />
    ),
    meta: { phone: 'aside' },
  }),
])

const names = ['Chen Yu', 'Ana Sousa', 'Tom Keller', 'Priya Nair']
const files = ['Project Merger — board deck.pdf', 'Merger timeline.xlsx', 'Merger Q&A draft.docx']
const rows: Row[] = Array.from({ length: 10 }, (_, index) => ({
  id: `r${index}`,
  at: new Date(Date.UTC(2026, 10, 22, 9, 41, 7, 318) - index * 191_000).toISOString(),
  actor: names[index % 4] ?? '',
  action: index % 3 === 0 ? 'screenshot.attempt' : 'file.view',
  target: files[index % 3] ?? '',
  device: `HT-WIN-0${417 + index}`,
  enforcement: index === 0 ? 'prevented' : index % 3 === 0 ? 'detected' : 'none',
}))

export function SampleTable() {
  return (
    <div>
      <FilterBar
        text={{ param: 'q', label: 'Search the log', mono: true }}
        filters={[
          {
            param: 'outcome',
            label: 'Outcome',
            options: ['allowed', 'denied', 'pending'].map((value) => ({ value, label: value })),
          },
        ]}
      />
      <DataTable
        label="Events"
        columns={columns}
        rows={rows}
        rowId={(row) => row.id}
        rowLabel={(row) => `${row.actor} ${row.action}`}
        rowHref={(row) => `/gallery?event=${row.id}`}
        selectedId="r0"
        sort={{ key: 'at', direction: 'desc' }}
        pager={{ nextCursor: 'abc', total: { value: 2000, capped: true } }}
        bulkActions={() => <Button>Export…</Button>}
        empty={<NoMatch clearHref="/gallery" />}
      />
    </div>
  )
}
