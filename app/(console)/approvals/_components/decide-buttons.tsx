'use client'

import { useTranslations } from 'next-intl'
import { FormShell } from '#components/form/form-shell.tsx'
import type { FormAction } from '#components/form/form-state.ts'
import { StepUpField } from '#components/form/step-up-field.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import type { ButtonVariant } from '#components/ui/button-class.ts'
import { type CannotDecide, type RequestView, requestCan } from '#server/approvals/schema.ts'
import { decide } from '../actions.ts'

type Props = { request: Pick<RequestView, 'id' | 'command' | 'state' | 'own'> }

/** The decisions that fit an open request. Going on asks for the second factor; stopping never does. */
export function DecideButtons({ request }: Props) {
  const t = useTranslations('wipe')
  const { id, command, state } = request
  const reason = (verdict: true | CannotDecide) => (verdict === true ? null : t(`cannot.${verdict}`))
  return (
    <div className="my-2 flex flex-wrap items-start gap-2 max-sm:flex-col max-sm:*:w-full">
      {state === 'awaiting_approval' && (
        <Act
          action={decide.bind(null, command, 'approve', id)}
          label={t('act.approve')}
          variant="primary"
          reason={reason(requestCan.approve(request))}
        />
      )}
      {state === 'held' && (
        <Act
          action={decide.bind(null, command, 'release', id)}
          label={t('act.release')}
          variant="primary"
          reason={reason(requestCan.release(request))}
        />
      )}
      <Act
        action={decide.bind(null, command, 'cancel', id)}
        label={t(state === 'delayed' ? 'act.undo' : 'act.cancel')}
      />
    </div>
  )
}

function Act({
  action,
  label,
  variant = 'default',
  reason = null,
}: {
  action: FormAction
  label: string
  variant?: ButtonVariant
  reason?: string | null
}) {
  return (
    <FormShell action={action} label={label}>
      <StepUpField onlyWhenAsked autoFocus />
      <SubmitButton variant={variant} disabledReason={reason} className="max-sm:w-full">
        {label}
      </SubmitButton>
    </FormShell>
  )
}
