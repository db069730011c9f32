import NextLink from 'next/link'
import type { ComponentProps } from 'react'
import { type ButtonSize, type ButtonVariant, buttonClass } from './button-class.ts'
import { cx } from './cx.ts'

type Props = ComponentProps<typeof NextLink>

/** A link in running text. */
export function Link({ className, prefetch = false, ...rest }: Props) {
  return (
    <NextLink
      prefetch={prefetch}
      className={cx('text-accent underline-offset-2 hover:underline', className)}
      {...rest}
    />
  )
}

/** A link that looks like a button: it goes somewhere, it changes nothing. */
export function ButtonLink({
  variant,
  size,
  className,
  prefetch = false,
  ...rest
}: Props & { variant?: ButtonVariant; size?: ButtonSize }) {
  return <NextLink prefetch={prefetch} className={buttonClass(variant, size, className)} {...rest} />
}
