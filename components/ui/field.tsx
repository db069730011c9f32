import { useTranslations } from 'next-intl'
import { type ReactNode, useId } from 'react'
import { cx } from './cx.ts'

export type ControlProps = {
  id: string
  'aria-describedby': string | undefined
  'aria-invalid': true | undefined
  required: boolean | undefined
}

type Props = {
  label: ReactNode
  hint?: ReactNode
  error?: string | undefined
  required?: boolean | undefined
  className?: string | undefined
  children: (control: ControlProps) => ReactNode
}

/** Label above, control, hint and error below, tied together for screen readers. */
export function Field({ label, hint, error, required, className, children }: Props) {
  const t = useTranslations('common')
  const id = useId()
  const described = [error && `${id}-error`, hint && `${id}-hint`].filter(Boolean).join(' ') || undefined
  return (
    <div className={cx('mb-4', className)}>
      <label htmlFor={id} className="mb-1 block text-ink-2">
        {label}
        {required === false && <span className="text-ink-3"> {t('field.optional')}</span>}
      </label>
      {children({ id, 'aria-describedby': described, 'aria-invalid': error ? true : undefined, required })}
      {error && (
        <p id={`${id}-error`} className="mt-1 text-danger">
          {error}
        </p>
      )}
      {hint && (
        <p id={`${id}-hint`} className="mt-1 text-ink-3">
          {hint}
        </p>
      )}
    </div>
  )
}
