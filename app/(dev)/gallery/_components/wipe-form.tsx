'use client'

import { SelectField, TextField } from '#components/form/fields.tsx'
import { FormShell } from '#components/form/form-shell.tsx'
import type { FormAction } from '#components/form/form-state.ts'
import { StepUpField } from '#components/form/step-up-field.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { Segmented } from '#components/ui/segmented.tsx'

const refuse: FormAction = async (_state, data) =>
  data.get('code') === '123456'
    ? { status: 'ok', message: 'The erase is queued.' }
    : {
        status: 'error',
        message: 'Nothing was changed.',
        fields: { code: 'This code is not right, or it was used before.' },
      }

export function WipeForm() {
  return (
    <FormShell action={refuse} label="Erase work data" className="mt-4">
      <Segmented
        name="scope"
        label="What to erase"
        showLabel
        defaultValue="organisation-data"
        options={[
          { value: 'organisation-data', label: 'Organisation data' },
          { value: 'device', label: 'Whole device' },
        ]}
        className="mb-4"
      />
      <SelectField
        name="reason"
        label="Reason"
        options={['Lost', 'Stolen', 'Left the company'].map((label) => ({ value: label, label }))}
      />
      <TextField name="note" label="Note" required={false} hint="Shown in the audit log." />
      <StepUpField />
      <Notice className="mb-3">
        <b>2 of 5</b> wipes used this hour. A second admin approves; then 2 minutes to undo.
      </Notice>
      <SubmitButton variant="danger" size="large">
        Erase work data
      </SubmitButton>
    </FormShell>
  )
}
