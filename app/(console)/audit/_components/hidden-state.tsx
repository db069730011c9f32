import { formatColumns } from '../_columns.ts'
import type { AuditParams } from '../search-params.ts'

/** The rest of the page's state inside a form that changes a part of it. */
export function HiddenState({ params, q = true }: { params: AuditParams; q?: boolean }) {
  const { last, from, to, sort, cols } = params
  const state = { q: q ? params.q : '', last, from, to, sort: sort === 'time' ? sort : '', cols: formatColumns(cols) }
  return Object.entries(state).map(([name, value]) =>
    value ? <input key={name} type="hidden" name={name} value={value} /> : null,
  )
}
