import { cx } from './cx.ts'

export type ButtonVariant = 'default' | 'primary' | 'danger' | 'ghost'
/** `large` is the full-width button of a phone page; `small` fits a table row. */
export type ButtonSize = 'small' | 'medium' | 'large'

const variants: Record<ButtonVariant, string> = {
  default: 'border-line-strong bg-surface text-ink hover:bg-sunken',
  primary: 'border-accent bg-accent text-accent-ink hover:opacity-90',
  danger: 'border-danger bg-danger text-danger-ink hover:opacity-90',
  ghost: 'border-transparent bg-transparent text-ink-2 hover:bg-sunken hover:text-ink',
}

const sizes: Record<ButtonSize, string> = {
  small: 'px-2 py-px min-h-6 text-[12px] leading-[18px]',
  medium: 'px-2.5 py-1 min-h-[30px] max-sm:min-h-10',
  large: 'px-3 py-[11px] w-full text-lead',
}

/** The look of a button, for whatever element carries it. */
export function buttonClass(variant: ButtonVariant = 'default', size: ButtonSize = 'medium', className?: string) {
  return cx(
    'inline-flex items-center justify-center gap-1.5 whitespace-nowrap rounded-control border font-medium no-underline select-none',
    'aria-disabled:cursor-not-allowed aria-disabled:opacity-55',
    variants[variant],
    sizes[size],
    className,
  )
}
