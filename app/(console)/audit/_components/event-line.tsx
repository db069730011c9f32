import { memo } from 'react'
import type { ColumnName } from '../_columns.ts'
import type { EventRow } from '../_rows.ts'
import { EventCell, type When } from './event-cells.tsx'

/** Rows are of one height, so that the list knows where each of ten thousand stands without drawing it. */
export const LINE_PX = 30
export const PHONE_LINE_PX = 84

/** The look of rows and cells stands in globals.css, by these names. */
export const cellClass = (name: ColumnName) => `log-${name}`

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
      className="log-line log-row"
    >
      {columns.map((name, place) => (
        // biome-ignore lint/a11y/useSemanticElements: as above
        <div key={name} role="cell" className={cellClass(name)}>
          {place === 0 ? (
            <a href={href} data-row-link aria-label={label}>
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
