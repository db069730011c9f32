'use client'

import { TextField } from '#components/form/fields.tsx'
import { FormShell } from '#components/form/form-shell.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'

export function SignInForm() {
  return (
    <FormShell action={async () => ({ status: 'error', message: 'Address or password is not right.' })} label="Sign in">
      <TextField name="email" label="Address" type="email" autoComplete="username" />
      <TextField name="password" label="Password" type="password" autoComplete="current-password" />
      <SubmitButton size="large">Sign in</SubmitButton>
    </FormShell>
  )
}
