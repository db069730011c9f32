import type { ComponentProps } from 'react'
import { type ButtonSize, type ButtonVariant, buttonClass } from './button-class.ts'
import { RefusedButton } from './refused-button.tsx'

export type ButtonProps = Omit<ComponentProps<'button'>, 'disabled'> & {
  variant?: ButtonVariant | undefined
  size?: ButtonSize | undefined
  /** Why it cannot be pressed now. It stays focusable and says this to everyone. */
  disabledReason?: string | null | undefined
}

export function Button({ variant, size, disabledReason, className, type = 'button', ...rest }: ButtonProps) {
  const look = buttonClass(variant, size, className)
  if (disabledReason)
    return (
      <RefusedButton reason={disabledReason} className={look} label={rest['aria-label']} title={rest.title}>
        {rest.children}
      </RefusedButton>
    )
  return <button type={type} className={look} {...rest} />
}
