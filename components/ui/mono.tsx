import type { ReactNode } from 'react'
import { cx } from './cx.ts'

type Props = { className?: string; title?: string; children: ReactNode }

/** Ids, addresses, hashes, the query line. */
export function Mono({ className, title, children }: Props) {
  return (
    <span title={title} className={cx('font-mono text-mono text-ink-2', className)}>
      {children}
    </span>
  )
}

/** A value to read or copy as it is, wrapping anywhere. */
export function Code({ className, children }: Props) {
  return (
    <code
      className={cx(
        'block rounded-control border border-line bg-sunken px-2.5 py-1.5 font-mono text-mono break-all whitespace-pre-wrap',
        className,
      )}
    >
      {children}
    </code>
  )
}

export function Kbd({ children }: { children: ReactNode }) {
  return (
    <kbd className="rounded border border-b-2 border-line-strong bg-surface px-1 font-mono text-[11px] leading-4 text-ink-2">
      {children}
    </kbd>
  )
}
