import 'server-only'
import { z } from 'zod'
import { defineCommand } from '#server/kernel/command.ts'
import { tenantTarget } from '#server/tenants/queries.ts'

/** States in the log that published checkpoints were gone from the data directory. Audit: `audit.checkpoint.missing`, failed. */
export const recordMissingFile = defineCommand({
  action: 'audit.checkpoint.missing',
  permission: 'system',
  risk: 'none',
  input: z.object({}),
  execute: async ({ tx, tenantId }) => ({
    result: null,
    audit: { action: 'audit.checkpoint.missing', outcome: 'failed', target: await tenantTarget(tx, tenantId) },
  }),
})
