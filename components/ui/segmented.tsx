import type { ComponentProps, ReactNode } from 'react'
import { cx } from './cx.ts'

type Props = Omit<ComponentProps<'fieldset'>, 'onChange'> & {
  name: string
  /** Said to everyone; shown only where no visible label stands above. */
  label: string
  showLabel?: boolean
  options: { value: string; label: ReactNode; disabled?: boolean }[]
  defaultValue?: string
  value?: string
  onValueChange?: (value: string) => void
}

/** One of a few: radio buttons drawn as one bar. Works inside a form without scripts. */
export function Segmented({
  name,
  label,
  showLabel = false,
  options,
  defaultValue,
  value,
  onValueChange,
  className,
  ...rest
}: Props) {
  return (
    <fieldset className={cx('min-w-0', className)} {...rest}>
      <legend className={showLabel ? 'mb-1 text-ink-2' : 'sr-only'}>{label}</legend>
      <div className="flex overflow-hidden rounded-control border border-control">
        {options.map((option) => (
          <label
            key={option.value}
            className="flex-1 whitespace-nowrap bg-surface px-3 py-1 text-center text-ink-2 has-checked:bg-accent-soft has-checked:font-semibold has-checked:text-ink has-disabled:opacity-50 has-focus-visible:outline-2 has-focus-visible:-outline-offset-2 has-focus-visible:outline-accent max-sm:py-2.5"
          >
            <input
              type="radio"
              name={name}
              value={option.value}
              disabled={option.disabled}
              {...(value === undefined
                ? { defaultChecked: option.value === defaultValue }
                : { checked: option.value === value })}
              onChange={onValueChange && (() => onValueChange(option.value))}
              className="sr-only"
            />
            {option.label}
          </label>
        ))}
      </div>
    </fieldset>
  )
}
