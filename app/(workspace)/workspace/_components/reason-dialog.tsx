'use client'

import { useTranslations } from 'next-intl'
import { type SubmitEvent, useState } from 'react'
import { Button } from '#components/ui/button.tsx'
import { ButtonRow, Dialog } from '#components/ui/dialog.tsx'
import { Field } from '#components/ui/field.tsx'
import { Input } from '#components/ui/input.tsx'

type Props = { onReason: (reason: string) => void; onClose: () => void }

/** The policy asks why: the answer stands in the audit log. */
export function ReasonDialog({ onReason, onClose }: Props) {
  const t = useTranslations('workspace')
  const common = useTranslations('common')
  const [isMissing, setMissing] = useState(false)
  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault()
    const reason = String(new FormData(event.currentTarget).get('reason') ?? '').trim()
    if (reason === '') setMissing(true)
    else onReason(reason)
  }
  return (
    <Dialog open onOpenChange={onClose} title={t('reason.title')} description={t('reason.text')}>
      <form onSubmit={submit}>
        <Field label={t('reason.label')} error={isMissing ? t('reason.missing') : undefined}>
          {(control) => <Input name="reason" maxLength={1_000} autoFocus {...control} />}
        </Field>
        <ButtonRow>
          <Button onClick={onClose}>{common('cancel')}</Button>
          <Button type="submit" variant="primary">
            {t('view.download')}
          </Button>
        </ButtonRow>
      </form>
    </Dialog>
  )
}
