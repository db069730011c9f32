'use client'

import { type ColumnDef, type RowData, useTable } from '@tanstack/react-table'
import type { ReactNode } from 'react'
import { Card } from '../ui/card.tsx'
import { cx } from '../ui/cx.ts'
import { type Features, features } from './columns.ts'
import type { Sort } from './list-url.ts'
import { Pager, type PagerProps } from './pager.tsx'
import { PhoneRows } from './phone-rows.tsx'
import { RowCells } from './row-cells.tsx'
import { SelectionBar } from './selection-bar.tsx'
import { SortHeader } from './sort-header.tsx'
import { useRowKeys } from './use-row-keys.ts'

export type DataTableProps<Row extends RowData> = {
  /** What is listed, e.g. “Devices”. */
  label: string
  // biome-ignore lint/suspicious/noExplicitAny: columns of different value types stand in one list (as TanStack types it)
  columns: readonly ColumnDef<Features, Row, any>[]
  rows: Row[]
  rowId: (row: Row) => string
  /** Names a row for screen readers, e.g. the device's name. */
  rowLabel: (row: Row) => string
  rowHref?: (row: Row) => string
  /** The row whose detail stands beside the list. */
  selectedId?: string | null
  sort?: Sort | null
  pager?: PagerProps
  /** With it rows can be ticked (`x`); receives the ticked ids. */
  bulkActions?: (ids: string[], clear: () => void) => ReactNode
  /** Shown in place of rows when there are none: an `EmptyState` or `NoMatch`. */
  empty: ReactNode
}

/** A list of the server's: rows of 30 px, on a phone two-line cards. j and k walk, Enter opens, x ticks. */
export function DataTable<Row extends RowData>(props: DataTableProps<Row>) {
  const { label, columns, rows, rowId, sort, pager, bulkActions, empty } = props
  const table = useTable({
    features,
    columns: columns as ColumnDef<Features, Row>[],
    data: rows,
    getRowId: rowId,
    enableRowSelection: Boolean(bulkActions),
  })
  const container = useRowKeys()
  const model = table.getRowModel().rows
  const ticked = table.getSelectedRowModel().rows.map((row) => row.id)
  const clear = () => table.resetRowSelection(true)

  if (rows.length === 0) return <Card>{empty}</Card>
  return (
    <div ref={container}>
      {bulkActions && ticked.length > 0 && (
        <SelectionBar count={ticked.length} onClear={clear}>
          {bulkActions(ticked, clear)}
        </SelectionBar>
      )}
      <Card clip>
        <div className="overflow-x-auto max-sm:hidden">
          <table aria-label={label} className="w-full border-collapse">
            <thead>
              {table.getHeaderGroups().map((group) => (
                <tr key={group.id}>
                  {bulkActions && <td className="w-8 border-b border-line" />}
                  {group.headers.map((header) => (
                    <SortHeader key={header.id} meta={header.column.columnDef.meta} sort={sort ?? null}>
                      <table.FlexRender header={header} />
                    </SortHeader>
                  ))}
                </tr>
              ))}
            </thead>
            <tbody>
              {model.map((row) => (
                <tr
                  key={row.id}
                  data-row={row.id}
                  aria-current={row.id === props.selectedId ? 'true' : undefined}
                  className={cx(
                    'group/row relative h-[30px] border-b border-line last:border-0 hover:bg-bg focus-within:bg-bg',
                    'aria-[current]:bg-accent-soft',
                  )}
                >
                  <RowCells
                    table={table}
                    row={row}
                    href={props.rowHref?.(row.original)}
                    label={props.rowLabel(row.original)}
                    tickable={Boolean(bulkActions)}
                  />
                </tr>
              ))}
            </tbody>
          </table>
        </div>
        <PhoneRows {...props} table={table} />
      </Card>
      {pager && <Pager {...pager} shown={rows.length} />}
    </div>
  )
}
