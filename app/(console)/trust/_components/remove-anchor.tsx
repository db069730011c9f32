'use client'

import { X } from 'lucide-react'
import { useTranslations } from 'next-intl'
import { useState } from 'react'
import { FormShell } from '#components/form/form-shell.tsx'
import { StepUpField } from '#components/form/step-up-field.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { Button } from '#components/ui/button.tsx'
import { ButtonRow, Dialog } from '#components/ui/dialog.tsx'
import type { AnchorView } from '#server/audit/schema.ts'
import { removeAnchorAction } from '../actions.ts'

type Props = Pick<AnchorView, 'id' | 'kind' | 'name'>

/** Asks before it ends the turning to somebody outside: it may cost the word "intact". */
export function RemoveAnchor({ id, kind, name }: Props) {
  const t = useTranslations('trust')
  const [isOpen, setOpen] = useState(false)
  const words = kind === 'witness' ? t('witnesses.remove', { name }) : t('mail.remove', { name })
  return (
    <Dialog
      title={words}
      description={kind === 'witness' ? t('witnesses.removeText') : t('mail.removeText')}
      open={isOpen}
      onOpenChange={setOpen}
      trigger={
        <Button size="small" aria-label={words}>
          <X aria-hidden className="size-3.5" />
        </Button>
      }
    >
      <FormShell
        action={removeAnchorAction.bind(null, id, t('witnesses.removed'))}
        label={words}
        onOk={() => setOpen(false)}
      >
        <StepUpField autoFocus />
        <ButtonRow>
          <SubmitButton variant="danger">{words}</SubmitButton>
        </ButtonRow>
      </FormShell>
    </Dialog>
  )
}
