import type { ReactNode } from 'react'
import { cx } from './cx.ts'

export type Definition = { term: ReactNode; value: ReactNode; key?: string }

/** Terms left, values right; on a phone too, since terms are short. Items without a value are left out. */
export function DefinitionList({ items, className }: { items: Definition[]; className?: string }) {
  return (
    <dl className={cx('my-3 grid grid-cols-[92px_minmax(0,1fr)] gap-x-2 gap-y-1', className)}>
      {items
        .filter((item) => item.value !== null && item.value !== undefined && item.value !== false && item.value !== '')
        .map((item, index) => (
          <div key={item.key ?? index} className="contents">
            <dt className="text-ink-3">{item.term}</dt>
            <dd className="break-words">{item.value}</dd>
          </div>
        ))}
    </dl>
  )
}
