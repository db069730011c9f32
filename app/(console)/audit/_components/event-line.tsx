import { memo } from 'react'
import { cx } from '#components/ui/cx.ts'
import { type ColumnName, FEW_COLUMNS } from '../_columns.ts'
import type { EventRow } from '../_rows.ts'
import { EventCell, type When } from './event-cells.tsx'

/** Rows are of one height, so that the list knows where each of ten thousand stands without drawing it. */
export const LINE_PX = 30
export const PHONE_LINE_PX = 84

/** How a cell stands on a phone's card: who and what came of it above, then what, then when and who says so. */
const ON_PHONE: Partial<Record<ColumnName, string>> = {
  actor: 'max-sm:order-1 max-sm:grow max-sm:basis-[48%] max-sm:font-medium',
  result: 'max-sm:order-2 max-sm:grow max-sm:basis-[44%] max-sm:text-right',
  action: 'max-sm:order-3',
  target: 'max-sm:order-4 max-sm:grow max-sm:basis-[44%]',
  time: 'max-sm:order-5 max-sm:basis-[60%]',
  known: 'max-sm:order-6 max-sm:grow max-sm:basis-[34%]',
}

/** What came of an attempt may take two lines: all of it is to be read. */
const TWO_LINES = '*:max-w-full! *:py-px *:leading-[14px]! *:whitespace-normal!'

export const cellClass = (name: ColumnName) =>
  cx(
    'min-w-0 px-2 max-sm:px-0',
    name === 'result' ? TWO_LINES : 'truncate',
    !FEW_COLUMNS.includes(name) && (name === 'known' ? 'sm:max-xl:hidden' : 'max-xl:hidden'),
    ON_PHONE[name],
  )

export const lineClass =
  'grid grid-cols-(--few) items-center border-b border-line xl:grid-cols-(--all) max-sm:flex max-sm:flex-wrap max-sm:content-center max-sm:gap-x-2 max-sm:px-3.5'

type Props = {
  row: EventRow
  /** Its place in the whole list, from 0. */
  index: number
  href: string
  label: string
  columns: readonly ColumnName[]
  isSelected: boolean
  isShort: boolean
  when: When
}

/** One event as a line of the list, on a phone as a card of three. Its link lies over all of it. */
export const EventLine = memo(function EventLine({
  row,
  index,
  href,
  label,
  columns,
  isSelected,
  isShort,
  when,
}: Props) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: of a table with ten thousand rows only those on the screen exist
    // biome-ignore lint/a11y/useFocusableInteractive: its link has the focus
    <div
      role="row"
      aria-rowindex={index + 2}
      aria-current={isSelected ? 'true' : undefined}
      data-row={row.id}
      data-index={index}
      className={cx(
        lineClass,
        'relative h-[30px] hover:bg-bg focus-within:bg-bg aria-[current]:bg-accent-soft max-sm:h-[84px]',
      )}
    >
      {columns.map((name, place) => (
        // biome-ignore lint/a11y/useSemanticElements: as above
        <div key={name} role="cell" className={cellClass(name)}>
          {place === 0 ? (
            <a
              href={href}
              data-row-link
              aria-label={label}
              className="after:absolute after:inset-0 focus-visible:outline-none focus-visible:after:outline-2 focus-visible:after:-outline-offset-2 focus-visible:after:outline-accent"
            >
              <EventCell column={name} row={row} when={when} isShort={isShort} />
            </a>
          ) : (
            <EventCell column={name} row={row} when={when} isShort={isShort} />
          )}
        </div>
      ))}
    </div>
  )
})
