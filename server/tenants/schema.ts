import { z } from 'zod'
import { brakeSettings } from '#server/kernel/brake-settings.ts'
import { textField } from '#server/kernel/fields.ts'

export const tenantName = textField({ min: 2, max: 80 })

/** The organisation's own settings; every member has a default, so that an old row reads as a whole one. */
export const tenantSettings = z.object({
  brake: brakeSettings.prefault({}),
})
export type TenantSettings = z.output<typeof tenantSettings>

export type TenantView = {
  id: string
  name: string
  status: 'active' | 'suspended'
  createdAt: Date
  settings: TenantSettings
}
