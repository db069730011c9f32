/** What a row of the log can show, in the order of the columns. */
export const COLUMNS = [
  'time',
  'actor',
  'action',
  'target',
  'device',
  'result',
  'known',
  'labels',
  'policy',
  'address',
  'reason',
  'recorded',
] as const
/** One of `COLUMNS`. */
export type ColumnName = (typeof COLUMNS)[number]

/** What is shown unless the reader chose otherwise. */
export const USUAL_COLUMNS: readonly ColumnName[] = ['time', 'actor', 'action', 'target', 'device', 'result', 'known']

/** Beside an event there is less room, and the rest stands in its detail. */
export const FEW_COLUMNS: readonly ColumnName[] = ['time', 'actor', 'action', 'target', 'result']

/** Reads `?cols=`: known names in the usual order; null where they are the usual ones or none. The time always stands. */
export function parseColumns(text: string | null | undefined): readonly ColumnName[] | null {
  const named = new Set(text?.split(','))
  const chosen = COLUMNS.filter((name) => named.has(name))
  if (chosen.length === 0) return null
  const all = COLUMNS.filter((name) => name === 'time' || named.has(name))
  return all.join() === USUAL_COLUMNS.join() ? null : all
}

/** Writes `?cols=`; empty for the usual ones. */
export function formatColumns(columns: readonly ColumnName[] | null | undefined): string {
  return parseColumns(columns?.join())?.join() ?? ''
}
