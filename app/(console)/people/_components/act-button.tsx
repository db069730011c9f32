'use client'

import { FormShell } from '#components/form/form-shell.tsx'
import type { FormAction } from '#components/form/form-state.ts'
import { SubmitButton } from '#components/form/submit-button.tsx'
import type { ButtonVariant } from '#components/ui/button-class.ts'

type Props = { action: FormAction; label: string; variant?: ButtonVariant; disabledReason?: string | null }

/** One act behind one button. */
export function ActButton({ action, label, variant = 'default', disabledReason }: Props) {
  return (
    <FormShell action={action} label={label}>
      <SubmitButton variant={variant} disabledReason={disabledReason}>
        {label}
      </SubmitButton>
    </FormShell>
  )
}
