import 'server-only'
import { z } from 'zod'
import { type CommandContext, type CommandOutcome, defineCommand } from '#server/kernel/command.ts'
import { AppError } from '#server/kernel/errors.ts'
import { tenantTarget } from './queries.ts'

/** From now on names in the audit log are shown only for a reason. @throws AppError conflict where it is so already */
export const askReasonForNames = defineCommand({
  action: 'tenant.update',
  name: 'tenant.update.ask_reason',
  permission: 'admin',
  risk: 'reversible',
  input: z.strictObject({}),
  execute: (context) => setAskReason(context, true),
})

/** Names in the audit log are shown again without one. A guard: it loosens. @throws AppError conflict where it is so already */
export const waiveReasonForNames = defineCommand({
  action: 'tenant.update',
  name: 'tenant.update.waive_reason',
  permission: 'admin',
  risk: 'guard',
  input: z.strictObject({}),
  execute: (context) => setAskReason(context, false),
})

/** Nothing else of the settings is touched, whoever changes them meanwhile. */
async function setAskReason(
  { tx, sql, tenantId }: CommandContext<unknown>,
  askReason: boolean,
): Promise<CommandOutcome<null>> {
  const changed = await sql<{ id: string }>(
    `UPDATE tenant SET settings = jsonb_set(settings, '{privacy}', jsonb_build_object('askReason', $2::boolean))
      WHERE id = $1::uuid AND coalesce((settings #>> '{privacy,askReason}')::boolean, false) <> $2::boolean RETURNING id::text`,
    [tenantId, askReason],
  )
  if (changed.length === 0) throw new AppError('conflict', { detail: 'It is set so already.' })
  const detail = { 'privacy.askReason': { before: String(!askReason), after: String(askReason) } }
  return { result: null, audit: { action: 'tenant.update', target: await tenantTarget(tx, tenantId), detail } }
}
