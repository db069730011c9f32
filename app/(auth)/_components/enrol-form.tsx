'use client'

import { useTranslations } from 'next-intl'
import { useState } from 'react'
import { FormShell } from '#components/form/form-shell.tsx'
import type { FormState } from '#components/form/form-state.ts'
import { StepUpField } from '#components/form/step-up-field.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { CopyButton } from '#components/ui/copy-button.tsx'
import { Code } from '#components/ui/mono.tsx'
import { begin, enrol } from '../actions.ts'
import { RecoveryCodes } from './recovery-codes.tsx'

type Props = {
  /** What the authenticator app needs; null before it is begun, and once it is confirmed. */
  enrolment: { secret: string; qrCode: string } | null
  enrolled: boolean
  /** Where to go with the codes saved. */
  next: string
}

/** Enrols an authenticator app in two steps: scan and confirm, then save the recovery codes. */
export function EnrolForm({ enrolment, enrolled, next }: Props) {
  const t = useTranslations('auth')
  const [codes, setCodes] = useState<string[]>()

  async function confirm(state: FormState, form: FormData): Promise<FormState> {
    const { recoveryCodes, ...answer } = await enrol(state, form)
    if (recoveryCodes) setCodes(recoveryCodes)
    return answer
  }

  if (codes) return <RecoveryCodes codes={codes}>{goOn(next, t('codes.saved'))}</RecoveryCodes>
  if (enrolled) return goOn(next, t('enrol.continue'))
  if (!enrolment) {
    return (
      <FormShell action={begin} label={t('enrol.begin')}>
        <SubmitButton>{t('enrol.begin')}</SubmitButton>
      </FormShell>
    )
  }
  return (
    <FormShell action={confirm} label={t('enrol.title')}>
      <Seed enrolment={enrolment} />
      <StepUpField label={t('enrol.code')} hint={t('enrol.codeHint')} />
      <SubmitButton size="large">{t('enrol.confirm')}</SubmitButton>
    </FormShell>
  )
}

/** A full navigation: the page after it starts with the new session and nothing else. */
function goOn(next: string, label: string) {
  return (
    <a
      href={next}
      className="inline-flex min-h-[30px] items-center rounded-control border border-accent bg-accent px-2.5 py-1 font-medium text-accent-ink no-underline hover:opacity-90 max-sm:min-h-10"
    >
      {label}
    </a>
  )
}

function Seed({ enrolment }: { enrolment: { secret: string; qrCode: string } }) {
  const t = useTranslations('auth')
  return (
    <div className="mb-4">
      <ol className="mb-3 list-decimal pl-5">
        <li>{t('enrol.stepApp')}</li>
        <li>{t('enrol.stepScan')}</li>
        <li>{t('enrol.stepCode')}</li>
      </ol>
      {/* biome-ignore lint/performance/noImgElement: a data URL made for this one answer; there is nothing to optimise */}
      <img
        src={enrolment.qrCode}
        alt={t('enrol.qr')}
        width={184}
        height={184}
        className="rounded-control border border-line bg-white"
      />
      <p className="mt-3 mb-1 text-ink-2">{t('enrol.typed')}</p>
      <Code>{enrolment.secret.replace(/(.{4})(?=.)/g, '$1 ')}</Code>
      <div className="mt-2">
        <CopyButton value={enrolment.secret} label={t('enrol.copy')} small />
      </div>
    </div>
  )
}
