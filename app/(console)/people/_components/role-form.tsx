'use client'

import { useTranslations } from 'next-intl'
import { SelectField } from '#components/form/fields.tsx'
import { FormShell } from '#components/form/form-shell.tsx'
import { StepUpField } from '#components/form/step-up-field.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { ButtonRow } from '#components/ui/dialog.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import type { Role } from '#server/people/schema.ts'
import { setRole } from '../actions.ts'

export function RoleForm({ id, role, roles }: { id: string; role: Role; roles: Role[] }) {
  const t = useTranslations('people')
  return (
    <FormShell action={setRole.bind(null, id)} label={t('act.role')}>
      <SelectField
        name="role"
        label={t('field.role')}
        options={roles.map((value) => ({ value, label: `${t(`role.${value}`)} – ${t(`roleHint.${value}`)}` }))}
        defaultValue={role}
      />
      <StepUpField />
      <ButtonRow>
        <ButtonLink href={`/people/${id}`}>{t('cancel')}</ButtonLink>
        <SubmitButton>{t('act.role')}</SubmitButton>
      </ButtonRow>
    </FormShell>
  )
}
