'use client'

import { useTranslations } from 'next-intl'
import { type SubmitEvent, useState } from 'react'
import { toast } from 'sonner'
import { Button } from '#components/ui/button.tsx'
import { ButtonRow, Dialog } from '#components/ui/dialog.tsx'
import { Field } from '#components/ui/field.tsx'
import { Input } from '#components/ui/input.tsx'
import { Notice } from '#components/ui/notice.tsx'
import type { FileEntry } from '#protocol/device/messages.ts'
import { faultOf } from '../_agent/faults.ts'
import { useEnrolled } from '../_agent/workspace-provider.tsx'

const DENIALS = ['blocked', 'external_recipient', 'reason_required'] as const

/** To whom, and why. A refusal is said in words, with the policy's own reason. */
export function ForwardDialog({ file, onClose }: { file: FileEntry; onClose: () => void }) {
  const t = useTranslations('workspace')
  const common = useTranslations('common')
  const { store } = useEnrolled()
  const [problem, setProblem] = useState<string | null>(null)
  const [isBusy, setBusy] = useState(false)
  const asksReason = file.may?.forward === 'ask_reason'

  function wordsFor(error: unknown): string {
    const fault = faultOf(error)
    if (!fault) return t('view.failedText')
    if (fault.code === 'offline') return t('view.offlineText')
    const denial = DENIALS.find((known) => known === fault.reason)
    if (fault.serverCode === 'policy_denied' && denial) return t(`forward.denied.${denial}`)
    if (fault.serverCode === 'invalid') return t('forward.wrongAddress')
    return fault.detail || t('view.failedText')
  }

  async function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault()
    if (isBusy) return
    const form = new FormData(event.currentTarget)
    const [to, reason] = ['to', 'reason'].map((name) => String(form.get(name) ?? '').trim())
    setBusy(true)
    setProblem(null)
    try {
      const { toAgentError } = await import('#agent/core/errors.ts')
      const { client } = await store.agent.device()
      const answer = await client.forward(file.id, { to: to ?? '', ...(reason ? { reason } : {}) }).catch((error) => {
        throw toAgentError(error)
      })
      toast.success(t('forward.done', { name: answer.name, to: answer.to }))
      onClose()
    } catch (error) {
      setProblem(wordsFor(error))
      setBusy(false)
    }
  }

  return (
    <Dialog open onOpenChange={onClose} title={t('forward.title')} description={t('forward.text')}>
      <form onSubmit={(event) => void submit(event)} noValidate>
        {problem && (
          <Notice tone="danger" announce className="mb-3">
            {problem}
          </Notice>
        )}
        <Field label={t('forward.to')} hint={file.may?.forward === 'internal' ? t('forward.internal') : undefined}>
          {(control) => <Input name="to" type="email" inputMode="email" maxLength={254} autoFocus {...control} />}
        </Field>
        <Field label={t('forward.reason')} required={asksReason}>
          {(control) => <Input name="reason" maxLength={1_000} {...control} />}
        </Field>
        <ButtonRow>
          <Button onClick={onClose}>{common('cancel')}</Button>
          <Button type="submit" variant="primary" aria-busy={isBusy}>
            {t('forward.submit')}
          </Button>
        </ButtonRow>
      </form>
    </Dialog>
  )
}
