'use client'

import { useTranslations } from 'next-intl'
import { FormShell } from '#components/form/form-shell.tsx'
import type { FormAction } from '#components/form/form-state.ts'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { Button } from '#components/ui/button.tsx'
import { ButtonLink } from '#components/ui/link.tsx'

type Props = {
  policyId: string
  hasDraft: boolean
  refusal: 'none' | 'same' | 'stale' | null
  staleText: string
  discard: FormAction
}

/** The buttons of the draft; publishing is a page of its own. */
export function PolicyActions({ policyId, hasDraft, refusal, staleText, discard }: Props) {
  const t = useTranslations('policies')
  const reason = refusal && (refusal === 'stale' ? staleText : t(`draft.${refusal}`))
  return (
    <>
      {hasDraft && (
        <FormShell action={discard} label={t('draft.discard')}>
          <input type="hidden" name="policyId" value={policyId} />
          <SubmitButton variant="default">{t('draft.discard')}</SubmitButton>
        </FormShell>
      )}
      {reason ? (
        <Button variant="primary" disabledReason={reason}>
          {t('review.open')}
        </Button>
      ) : (
        <ButtonLink variant="primary" href="/policies/publish">
          {t('review.open')}
        </ButtonLink>
      )}
    </>
  )
}
