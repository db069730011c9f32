'use client'

import { useTranslations } from 'next-intl'
import { SelectField, TextField } from '#components/form/fields.tsx'
import { FormShell } from '#components/form/form-shell.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { CardFoot } from '#components/ui/card.tsx'
import type { DeviceView } from '#server/devices/schema.ts'
import { saveDevice } from '../actions.ts'

/** The two things an admin says about a device; everything else it states itself. */
export function EditDevice({ device }: { device: Pick<DeviceView, 'id' | 'name' | 'ownership'> }) {
  const t = useTranslations('devices')
  return (
    <CardFoot>
      <details>
        <summary className="cursor-pointer py-1 font-semibold">{t('edit.title')}</summary>
        <FormShell
          key={`${device.name}${device.ownership}`}
          action={saveDevice.bind(null, device.id)}
          label={t('edit.title')}
          className="mt-2"
        >
          <TextField name="name" label={t('column.name')} defaultValue={device.name} maxLength={100} />
          <SelectField
            name="ownership"
            label={t('detail.ownership')}
            defaultValue={device.ownership}
            options={(['company', 'personal'] as const).map((value) => ({ value, label: t(`ownership.${value}`) }))}
          />
          <SubmitButton variant="default">{t('edit.save')}</SubmitButton>
        </FormShell>
      </details>
    </CardFoot>
  )
}
