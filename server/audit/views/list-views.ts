import 'server-only'
import { z } from 'zod'
import { defineQuery } from '#server/kernel/query.ts'
import { maskingFor } from '../masking/masking.ts'
import type { SavedView } from './form.ts'
import { readViews } from './rows.ts'

/** The person's own views and those that others share, by name. The log says when each was made: owners are as masked as there. */
export const listAuditViews = defineQuery({
  name: 'audit.views',
  permission: 'audit:read',
  input: z.strictObject({}),
  run: async ({ sql, tenantId, actor }): Promise<SavedView[]> => {
    const masking = await maskingFor(sql, actor)
    const called = (id: string, name: string) => (masking.isMasked ? masking.name('person', id, name) : name)
    return readViews(sql, {
      tenantId,
      ownId: actor.kind === 'person' ? actor.personId : null,
      withShared: true,
      called,
    })
  },
})
