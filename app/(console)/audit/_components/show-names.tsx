'use client'

import { useTranslations } from 'next-intl'
import { useState } from 'react'
import { TextAreaField } from '#components/form/fields.tsx'
import { FormShell } from '#components/form/form-shell.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { Button } from '#components/ui/button.tsx'
import { ButtonRow, Dialog } from '#components/ui/dialog.tsx'
import { revealNames } from '../_names-actions.ts'

/** Asks for the reason; with the pseudonym of a person, of that one alone. */
export function ShowNames({ code }: { code?: string }) {
  const t = useTranslations('names')
  const common = useTranslations('common')
  const [isOpen, setOpen] = useState(false)
  const close = () => setOpen(false)
  return (
    <Dialog
      open={isOpen}
      onOpenChange={setOpen}
      trigger={<Button size="small">{t(code ? 'showPerson' : 'show')}</Button>}
      title={code ? t('dialog.titlePerson', { code }) : t('dialog.title')}
      description={t('dialog.text')}
    >
      <FormShell action={revealNames.bind(null, code ?? null)} label={t('dialog.title')} onOk={close}>
        <TextAreaField
          name="reason"
          label={t('dialog.reason')}
          hint={t('dialog.reasonHint')}
          minLength={10}
          maxLength={500}
          rows={3}
          required
        />
        <ButtonRow>
          <Button onClick={close}>{common('cancel')}</Button>
          <SubmitButton>{t('dialog.submit')}</SubmitButton>
        </ButtonRow>
      </FormShell>
    </Dialog>
  )
}
