import { createColumnHelper, metaHelper, type RowData, rowSelectionFeature, tableFeatures } from '@tanstack/react-table'

type ColumnMeta = {
  /** The value of `?sort=` for this column; without it the header is plain text. */
  sortKey?: string
  /** First direction of a fresh sort: newest or largest first is `desc`. */
  firstSort?: 'asc' | 'desc'
  align?: 'start' | 'end'
  /** Place on a phone's card: the first line, its right end, the second line, or nowhere. Default `second`. */
  phone?: 'first' | 'aside' | 'second' | 'hidden'
  /** Widest the column gets, as a Tailwind class such as `max-w-44`. */
  className?: string
}

/** What every table of the console can do. Sorting, filtering and paging are the server's. */
export const features = tableFeatures({ rowSelectionFeature, columnMeta: metaHelper<ColumnMeta>() })
export type Features = typeof features

/** Columns are made once, at module level: `const column = columnsOf<DeviceRow>()`. */
export function columnsOf<Row extends RowData>() {
  return createColumnHelper<Features, Row>()
}
