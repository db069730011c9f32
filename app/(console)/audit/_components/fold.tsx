import { ChevronDown } from 'lucide-react'
import type { ReactNode } from 'react'
import { buttonClass } from '#components/ui/button-class.ts'
import { cx } from '#components/ui/cx.ts'

type Props = { name: 'asks' | 'figures'; className: string; children: ReactNode }

/**
 * On a narrow screen the button that opens parts of the page, which elsewhere stand open. Those are hidden by classes of their own,
 * `group-has-[[data-fold=NAME][open]]/log`, so that they may stand where they belong; works without scripts.
 */
export function Fold({ name, className, children }: Props) {
  return (
    <details data-fold={name} className={cx('group/fold', className)}>
      <summary
        className={buttonClass(
          'default',
          'medium',
          'cursor-pointer list-none group-open/fold:border-accent [&::-webkit-details-marker]:hidden',
        )}
      >
        {children}
        <ChevronDown aria-hidden className="size-4 shrink-0 text-ink-3 group-open/fold:rotate-180" />
      </summary>
    </details>
  )
}
