'use client'

import type { ReactTable, Row, RowData } from '@tanstack/react-table'
import NextLink from 'next/link'
import { useTranslations } from 'next-intl'
import { cx } from '../ui/cx.ts'
import type { Features } from './columns.ts'

type Props<Data extends RowData> = {
  table: ReactTable<Features, Data>
  row: Row<Features, Data>
  href: string | undefined
  label: string
  tickable: boolean
}

/**
 * The cells of a wide row. The first one carries the row's link, stretched over the row, so that a click anywhere, Enter
 * and a new tab all work. What is to be clicked in another cell needs `relative z-1`.
 */
export function RowCells<Data extends RowData>({ table, row, href, label, tickable }: Props<Data>) {
  return (
    <>
      {tickable && (
        <td className="relative z-1 px-2">
          <RowTick row={row} label={label} />
        </td>
      )}
      {row.getAllCells().map((cell, index) => {
        const meta = cell.column.columnDef.meta
        const content = <table.FlexRender cell={cell} />
        return (
          <td
            key={cell.id}
            className={cx(
              'overflow-hidden px-2 py-[5px] text-ellipsis whitespace-nowrap',
              meta?.className ?? 'max-w-44',
              meta?.align === 'end' && 'text-right',
            )}
          >
            {href && index === 0 ? (
              <NextLink
                href={href}
                prefetch={false}
                data-row-link
                className="after:absolute after:inset-0 focus-visible:outline-none focus-visible:after:outline-2 focus-visible:after:-outline-offset-2 focus-visible:after:outline-accent"
              >
                {content}
              </NextLink>
            ) : (
              content
            )}
          </td>
        )
      })}
    </>
  )
}

export function RowTick<Data extends RowData>({ row, label }: { row: Row<Features, Data>; label: string }) {
  const t = useTranslations('common')
  return (
    <input
      type="checkbox"
      data-row-tick
      aria-label={t('table.selectRow', { row: label })}
      checked={row.getIsSelected()}
      disabled={!row.getCanSelect()}
      onChange={row.getToggleSelectedHandler()}
      className="block size-4"
    />
  )
}
