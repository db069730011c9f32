'use client'

import { useTranslations } from 'next-intl'
import { useState } from 'react'
import { TextAreaField, TextField } from '#components/form/fields.tsx'
import { FormShell } from '#components/form/form-shell.tsx'
import { StepUpField } from '#components/form/step-up-field.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { Button } from '#components/ui/button.tsx'
import { ButtonRow, Dialog } from '#components/ui/dialog.tsx'
import type { AnchorView } from '#server/audit/schema.ts'
import { addRecipientAction, addWitnessAction } from '../actions.ts'

/** Adds a witness or an address; the second factor is asked for. */
export function AddAnchor({ kind }: { kind: AnchorView['kind'] }) {
  const t = useTranslations('trust')
  const [isOpen, setOpen] = useState(false)
  const words = kind === 'witness' ? t('witnesses.add') : t('mail.add')
  const done = kind === 'witness' ? t('witnesses.added') : t('mail.added')
  const action = kind === 'witness' ? addWitnessAction : addRecipientAction
  return (
    <Dialog
      title={words}
      description={kind === 'witness' ? t('witnesses.addText') : t('mail.addText')}
      open={isOpen}
      onOpenChange={setOpen}
      trigger={<Button size="small">{words}</Button>}
    >
      <FormShell action={action.bind(null, done)} label={words} onOk={() => setOpen(false)}>
        {kind === 'witness' ? (
          <>
            <TextField name="url" label={t('witnesses.url')} inputMode="url" autoComplete="off" autoFocus required />
            <TextAreaField name="vkey" label={t('witnesses.vkey')} rows={2} className="font-mono" required />
          </>
        ) : (
          <TextField name="email" label={t('mail.email')} type="email" autoComplete="off" autoFocus required />
        )}
        <StepUpField />
        <ButtonRow>
          <SubmitButton>{words}</SubmitButton>
        </ButtonRow>
      </FormShell>
    </Dialog>
  )
}
