'use client'

import type { ComponentProps, ReactNode } from 'react'
import { Field } from '../ui/field.tsx'
import { Input, Select, Textarea } from '../ui/input.tsx'
import { useFormShell } from './form-shell.tsx'

type Frame = { name: string; label: ReactNode; hint?: ReactNode; fieldClassName?: string }

/** The message for one field in the last answer. */
export function useFieldError(name: string): string | undefined {
  const { state } = useFormShell()
  return state.status === 'error' ? state.fields?.[name] : undefined
}

/** Label, input, hint and the server's error for `name`. `required={false}` says “optional”. */
export function TextField({
  name,
  label,
  hint,
  fieldClassName,
  required,
  ...input
}: Frame & Omit<ComponentProps<typeof Input>, 'name'>) {
  const error = useFieldError(name)
  return (
    <Field label={label} hint={hint} error={error} required={required} className={fieldClassName}>
      {(control) => <Input name={name} {...input} {...control} />}
    </Field>
  )
}

export function TextAreaField({
  name,
  label,
  hint,
  fieldClassName,
  required,
  ...input
}: Frame & Omit<ComponentProps<typeof Textarea>, 'name'>) {
  const error = useFieldError(name)
  return (
    <Field label={label} hint={hint} error={error} required={required} className={fieldClassName}>
      {(control) => <Textarea name={name} {...input} {...control} />}
    </Field>
  )
}

export function SelectField({
  name,
  label,
  hint,
  fieldClassName,
  required,
  ...input
}: Frame & Omit<ComponentProps<typeof Select>, 'name'>) {
  const error = useFieldError(name)
  return (
    <Field label={label} hint={hint} error={error} required={required} className={fieldClassName}>
      {(control) => <Select name={name} {...input} {...control} />}
    </Field>
  )
}

/** A field around any control: spread what it hands you onto the element. */
export function CustomField({
  name,
  label,
  hint,
  fieldClassName,
  required,
  children,
}: Frame & { required?: boolean; children: ComponentProps<typeof Field>['children'] }) {
  const error = useFieldError(name)
  return (
    <Field label={label} hint={hint} error={error} required={required} className={fieldClassName}>
      {children}
    </Field>
  )
}
