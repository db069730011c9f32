'use client'

import { useTimeZone, useTranslations } from 'next-intl'
import { TextField } from '#components/form/fields.tsx'
import { FormShell } from '#components/form/form-shell.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { Button } from '#components/ui/button.tsx'
import { Checkbox } from '#components/ui/check.tsx'
import { ButtonRow, Dialog } from '#components/ui/dialog.tsx'
import { savedSearchOf } from '../_saved-views.ts'
import { saveView } from '../actions.ts'
import type { AuditParams } from '../search-params.ts'

type Props = { isOpen: boolean; onClose: () => void; params: AuditParams }

/** Keeps what is asked now under a name. */
export function SaveView({ isOpen, onClose, params }: Props) {
  const t = useTranslations('audit')
  const common = useTranslations('common')
  const zone = useTimeZone() ?? 'UTC'
  return (
    <Dialog
      open={isOpen}
      onOpenChange={(open) => !open && onClose()}
      title={t('views.saveTitle')}
      description={t('views.saveText')}
    >
      <FormShell action={saveView.bind(null, savedSearchOf(params, zone))} label={t('views.saveTitle')} onOk={onClose}>
        <TextField name="name" label={t('views.name')} maxLength={80} required />
        <Checkbox name="shared" label={t('views.share')} hint={t('views.shareHint')} />
        <Checkbox name="keepZone" label={t('views.keepZone', { zone })} />
        <ButtonRow>
          <Button onClick={onClose}>{common('cancel')}</Button>
          <SubmitButton>{t('views.saveButton')}</SubmitButton>
        </ButtonRow>
      </FormShell>
    </Dialog>
  )
}
