'use client'

import { useTranslations } from 'next-intl'
import { useState } from 'react'
import { FormShell } from '#components/form/form-shell.tsx'
import type { FormState } from '#components/form/form-state.ts'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { Notice } from '#components/ui/notice.tsx'
import type { Verification } from '#server/audit/schema.ts'
import { verifyNow } from './actions.ts'

/** Asks the server to rebuild the log; says what it found, down to the first wrong entry. */
export function VerifyForm() {
  const t = useTranslations('audit')
  const [found, setFound] = useState<Verification>()

  async function verify(state: FormState): Promise<FormState> {
    const { verification, ...answer } = await verifyNow(state)
    setFound(verification)
    return answer
  }

  return (
    <>
      {found && (
        <div className="mb-3">
          <Notice tone={found.ok ? 'ok' : 'danger'} announce>
            <Found verification={found} />
          </Notice>
        </div>
      )}
      <FormShell action={verify} label={t('trust.verifyTitle')}>
        <SubmitButton>{t('trust.verify')}</SubmitButton>
      </FormShell>
    </>
  )
}

function Found({ verification }: { verification: Verification }) {
  const t = useTranslations('audit')
  if (verification.ok) {
    const { size, personalChecked, tookMs } = verification
    return t('trust.holds', { count: size, personal: personalChecked, seconds: (tookMs / 1_000).toFixed(1) })
  }
  const { code, index, until } = verification
  const [first, last] = [index ?? 0, until ?? index ?? 0]
  return t(`trust.problem.${code}`, { index: first, until: last, span: first === last ? 'one' : 'several' })
}
