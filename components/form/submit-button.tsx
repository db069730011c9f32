'use client'

import { LoaderCircle } from 'lucide-react'
import { Button, type ButtonProps } from '../ui/button.tsx'
import { useFormShell } from './form-shell.tsx'

/** Sends the form. While it is being sent it stays where it is, focusable, and does nothing. */
export function SubmitButton({ variant = 'primary', children, ...rest }: Omit<ButtonProps, 'type'>) {
  const { pending } = useFormShell()
  return (
    <Button type="submit" variant={variant} aria-disabled={pending || undefined} {...rest}>
      {pending && <LoaderCircle aria-hidden className="size-3.5 animate-spin" />}
      {children}
    </Button>
  )
}
