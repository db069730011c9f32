'use server'

import { switchOrganisation as switchTo } from '#server/http/switch-organisation.ts'

/** The organisation switcher of the account menu. */
export async function switchOrganisation(form: FormData): Promise<void> {
  await switchTo(String(form.get('organisationId') ?? ''))
}
