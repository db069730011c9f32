import type { ComponentProps } from 'react'
import { cx } from './cx.ts'
import { controlClass } from './input.tsx'

/** One field for the six digits: what password managers and phones fill, and what a screen reader reads as one. */
export function OtpInput({ className, ...rest }: ComponentProps<'input'>) {
  return (
    <input
      type="text"
      inputMode="numeric"
      autoComplete="one-time-code"
      autoCapitalize="off"
      spellCheck={false}
      maxLength={24}
      className={cx(controlClass, 'max-w-60 font-mono text-[16px] leading-6 tracking-[0.2em]', className)}
      {...rest}
    />
  )
}
