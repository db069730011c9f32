import type { ReactNode } from 'react'
import { cx } from './cx.ts'

type Props = { className?: string | undefined; children?: ReactNode }

/** A surface with a border. `clip` keeps a table inside its corners. */
export function Card({ className, clip = false, children }: Props & { clip?: boolean }) {
  return (
    <div className={cx('rounded-card border border-line bg-surface', clip && 'overflow-hidden', className)}>
      {children}
    </div>
  )
}

/** The padded part of a card, with its heading and what stands to the right of it. */
export function Panel({
  title,
  aside,
  level = 2,
  className,
  children,
}: Props & { title?: ReactNode; aside?: ReactNode; level?: 2 | 3 }) {
  const Heading = level === 2 ? 'h2' : 'h3'
  return (
    <section className={cx('px-4 py-3.5', className)}>
      {(title || aside) && (
        <div className="mb-0.5 flex flex-wrap items-center gap-2">
          {title && <Heading className="flex-1 text-lead font-strong">{title}</Heading>}
          {aside}
        </div>
      )}
      {children}
    </section>
  )
}

/** Cards one under the other, beside another column of them: a short one leaves no hole above the next. */
export function CardColumn({ children }: { children: ReactNode }) {
  return <div className="grid min-w-0 gap-4 *:min-w-0">{children}</div>
}

/** The sunken foot of a card: a proof, a condition. */
export function CardFoot({ className, children }: Props) {
  return <div className={cx('rounded-b-card border-t border-line bg-bg px-4 py-3', className)}>{children}</div>
}

/** A card of short facts, one under the other: what will be erased, what will not. */
export function FactList({ items }: { items: { title: ReactNode; text: ReactNode }[] }) {
  return (
    <dl className="rounded-card border border-line bg-surface">
      {items.map((item, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the list is fixed by its caller and never reordered
        <div key={index} className="border-b border-line px-3.5 py-2.5 last:border-0">
          <dt className="font-semibold">{item.title}</dt>
          <dd className="text-ink-2">{item.text}</dd>
        </div>
      ))}
    </dl>
  )
}
