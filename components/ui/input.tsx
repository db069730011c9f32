import { ChevronDown } from 'lucide-react'
import type { ComponentProps } from 'react'
import { cx } from './cx.ts'

/** Text of 16 px on a phone: below that iOS zooms the page when the field gets focus. */
export const controlClass =
  'block w-full rounded-control border border-control bg-surface px-2.5 py-[5px] text-ink max-sm:min-h-11 max-sm:text-[16px] max-sm:leading-6 aria-invalid:border-danger [&[readonly]]:bg-sunken disabled:opacity-60'

export function Input({ className, mono = false, ...rest }: ComponentProps<'input'> & { mono?: boolean }) {
  return (
    <input className={cx(controlClass, mono && 'font-mono sm:text-mono', className)} autoComplete="off" {...rest} />
  )
}

export function Textarea({
  className,
  mono = false,
  rows = 4,
  ...rest
}: ComponentProps<'textarea'> & { mono?: boolean }) {
  return <textarea rows={rows} className={cx(controlClass, mono && 'font-mono sm:text-mono', className)} {...rest} />
}

export type SelectOption = { value: string; label: string; disabled?: boolean }

/** The browser's own select: right on a phone, with a keyboard and without scripts. */
export function Select({
  options,
  placeholder,
  className,
  ...rest
}: ComponentProps<'select'> & { options: SelectOption[]; placeholder?: string }) {
  return (
    <span className={cx('relative block', className)}>
      <select className={cx(controlClass, 'appearance-none pr-8')} {...rest}>
        {placeholder !== undefined && <option value="">{placeholder}</option>}
        {options.map((option) => (
          <option key={option.value} value={option.value} disabled={option.disabled}>
            {option.label}
          </option>
        ))}
      </select>
      <ChevronDown
        aria-hidden
        className="pointer-events-none absolute top-1/2 right-2 size-4 -translate-y-1/2 text-ink-3"
      />
    </span>
  )
}
