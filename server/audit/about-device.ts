import 'server-only'
import { z } from 'zod'
import type { Sql } from '#server/kernel/db.ts'
import { uuidField } from '#server/kernel/fields.ts'
import { defineSqlQuery } from '#server/kernel/query.ts'
import { countMatches } from './count-matches.ts'
import { planOf } from './plan.ts'
import { logBounds } from './scan.ts'
import type { Total } from './schema.ts'

export type AboutDevice = {
  /** Downloads out of its vault: an erase does not reach them. */
  downloads: Total
  /** Entries about it. */
  entries: Total
}

/** What the log holds about a device, in figures: no name and no event is shown, so that it is no search. */
export const countAboutDevice = defineSqlQuery({
  name: 'audit.about_device',
  permission: 'devices:read',
  input: z.strictObject({ deviceId: uuidField() }),
  run: async ({ sql, tenantId, input: { deviceId } }): Promise<AboutDevice> => {
    const device = `device:${deviceId}`
    const downloads = await count(sql, tenantId, `${device} action:file.download outcome:allowed`)
    return { downloads, entries: await count(sql, tenantId, device) }
  },
})

async function count(sql: Sql, tenantId: string, q: string): Promise<Total> {
  const bounds = await logBounds(sql, tenantId)
  if (!bounds) return { value: 0, capped: false }
  return countMatches(sql, { tenantId, plan: planOf(q, tenantId), ask: { from: undefined, to: undefined }, bounds })
}
