import type { ComponentProps, ReactNode } from 'react'
import { cx } from './cx.ts'

type Props = Omit<ComponentProps<'input'>, 'type' | 'children'> & { label: ReactNode; hint?: ReactNode }

function Labelled({
  label,
  hint,
  className,
  children,
}: {
  label: ReactNode
  hint: ReactNode
  className?: string | undefined
  children: ReactNode
}) {
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the control is among the children
    <label className={cx('flex items-start gap-2 py-0.5 max-sm:py-2', className)}>
      {children}
      <span>
        {label}
        {hint && <span className="block text-ink-2">{hint}</span>}
      </span>
    </label>
  )
}

export function Checkbox({ label, hint, className, ...rest }: Props) {
  return (
    <Labelled label={label} hint={hint} className={className}>
      <input type="checkbox" className="mt-0.5 size-4 shrink-0" {...rest} />
    </Labelled>
  )
}

export function Radio({ label, hint, className, ...rest }: Props) {
  return (
    <Labelled label={label} hint={hint} className={className}>
      <input type="radio" className="mt-0.5 size-4 shrink-0" {...rest} />
    </Labelled>
  )
}

/** A checkbox that is a switch: on is `on` in the form's data, off is absent. */
export function Switch({ label, hint, className, ...rest }: Props) {
  return (
    <Labelled label={label} hint={hint} className={className}>
      <span className="relative mt-0.5 inline-flex shrink-0">
        <input
          type="checkbox"
          // biome-ignore lint/a11y/useAriaPropsForRole: a checkbox states aria-checked by itself (ARIA in HTML)
          role="switch"
          // Where the reader's system chooses the colours, ours would show neither the switch nor its state.
          className="peer h-[18px] w-8 appearance-none rounded-full bg-control checked:bg-accent disabled:opacity-60 forced-colors:appearance-auto"
          {...rest}
        />
        <span
          aria-hidden
          className="pointer-events-none absolute top-0.5 left-0.5 size-3.5 rounded-full bg-surface transition-transform peer-checked:translate-x-3.5 forced-colors:hidden"
        />
      </span>
    </Labelled>
  )
}
