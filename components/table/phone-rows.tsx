'use client'

import type { Cell, ReactTable, Row, RowData } from '@tanstack/react-table'
import NextLink from 'next/link'
import type { Features } from './columns.ts'
import type { DataTableProps } from './data-table.tsx'
import { RowTick } from './row-cells.tsx'

type Props<Data extends RowData> = Pick<
  DataTableProps<Data>,
  'label' | 'rowHref' | 'rowLabel' | 'selectedId' | 'bulkActions'
> & { table: ReactTable<Features, Data> }

/** The same rows on a phone: two lines each, the columns chosen by their `phone` place. */
export function PhoneRows<Data extends RowData>({
  table,
  label,
  rowHref,
  rowLabel,
  selectedId,
  bulkActions,
}: Props<Data>) {
  return (
    <ul aria-label={label} className="sm:hidden">
      {table.getRowModel().rows.map((row) => {
        const href = rowHref?.(row.original)
        const lines = <PhoneLines table={table} row={row} />
        return (
          <li
            key={row.id}
            data-row={row.id}
            aria-current={row.id === selectedId ? 'true' : undefined}
            className="flex items-center border-b border-line last:border-0 aria-[current]:bg-accent-soft"
          >
            {bulkActions && (
              <span className="pl-3.5">
                <RowTick row={row} label={rowLabel(row.original)} />
              </span>
            )}
            {href ? (
              <NextLink
                href={href}
                prefetch={false}
                data-row-link
                className="block min-w-0 flex-1 px-3.5 py-2.5 focus-visible:-outline-offset-2"
              >
                {lines}
              </NextLink>
            ) : (
              <div className="min-w-0 flex-1 px-3.5 py-2.5">{lines}</div>
            )}
          </li>
        )
      })}
    </ul>
  )
}

function PhoneLines<Data extends RowData>({
  table,
  row,
}: {
  table: ReactTable<Features, Data>
  row: Row<Features, Data>
}) {
  const cells = row.getAllCells()
  const at = (place: string) => cells.filter((cell, index) => placeOf(cell, index) === place)
  return (
    <>
      <span className="flex items-center gap-2">
        <span className="min-w-0 flex-1 truncate font-medium">
          {at('first').map((cell) => (
            <table.FlexRender key={cell.id} cell={cell} />
          ))}
        </span>
        {at('aside').map((cell) => (
          <table.FlexRender key={cell.id} cell={cell} />
        ))}
      </span>
      <span className="mt-0.5 block truncate text-ink-2">
        {at('second').map((cell) => (
          <span key={cell.id} className="not-first:before:content-['_·_'] empty:hidden">
            <table.FlexRender cell={cell} />
          </span>
        ))}
      </span>
    </>
  )
}

function placeOf<Data extends RowData>(cell: Cell<Features, Data>, index: number): string {
  return cell.column.columnDef.meta?.phone ?? (index === 0 ? 'first' : 'second')
}
