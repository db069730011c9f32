import 'server-only'
import { z } from 'zod'
import { defineQuery } from '#server/kernel/query.ts'
import type { SavedView } from './form.ts'
import { readViews } from './rows.ts'

/** The person's own views and those that others share, by name. */
export const listAuditViews = defineQuery({
  name: 'audit.views',
  permission: 'audit:read',
  input: z.strictObject({}),
  run: ({ sql, tenantId, actor }): Promise<SavedView[]> =>
    readViews(sql, { tenantId, ownId: actor.kind === 'person' ? actor.personId : null, withShared: true }),
})
