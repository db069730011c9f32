'use client'

import { FormShell } from '#components/form/form-shell.tsx'
import type { FormAction } from '#components/form/form-state.ts'
import { StepUpField } from '#components/form/step-up-field.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import type { ButtonVariant } from '#components/ui/button-class.ts'

type Props = {
  action: FormAction
  label: string
  /** What the act is about, where several of a kind stand on one page; for screen readers. */
  about?: string
  variant?: ButtonVariant
  disabledReason?: string | null
  className?: string
}

/** One act behind one button; the second factor is asked for only when the server wants it. */
export function ActForm({ action, label, about, variant = 'default', disabledReason, className }: Props) {
  return (
    <FormShell action={action} label={about ?? label} {...(className ? { className } : {})}>
      <StepUpField onlyWhenAsked autoFocus />
      <SubmitButton variant={variant} disabledReason={disabledReason} className="max-sm:w-full">
        {label}
      </SubmitButton>
    </FormShell>
  )
}
