import { z } from 'zod'
import { type CommandContext, defineCommand } from '#server/kernel/command.ts'
import { isUniqueViolation } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { createDataKey } from '#server/kernel/keys.ts'
import { tenantTarget } from './queries.ts'
import { tenantSettings } from './schema.ts'

export { continueRotation, type RotationStep, rotateTenantKey } from './key-rotation.ts'
export { type MasterRotation, rotateMasterKey } from './master-rotation.ts'
export { askReasonForNames, waiveReasonForNames } from './privacy.ts'

type NewTenant = { name: string; origin: string }

/**
 * Writes the organisation's row, its data key and the head of its log; for the command that founds it with its first owner.
 * @param origin the log's name without the organisation, `HOST/log`; frozen now
 * @throws AppError conflict when an organisation of that name exists
 */
export async function writeTenant(
  { tx, sql, tenantId, now }: CommandContext<unknown>,
  { name, origin }: NewTenant,
): Promise<void> {
  const [existing] = await sql<{ taken: boolean }>('SELECT tenant_name_taken($1::text) AS taken', [name])
  if (existing?.taken) throw nameTaken()
  await tx.tenant
    .create({ data: { id: tenantId, name, settings: tenantSettings.parse({}), createdAt: now }, select: { id: true } })
    .catch((error: unknown) => {
      throw isUniqueViolation(error) ? nameTaken() : error
    })
  await createDataKey(tx, tenantId)
  await sql('INSERT INTO audit_head (tenant_id, origin) VALUES ($1::uuid, $2::text)', [
    tenantId,
    `${origin}/${tenantId}`,
  ])
}

function nameTaken(): AppError {
  return new AppError('conflict', { detail: 'An organisation of that name exists.', fields: { name: 'is taken' } })
}

/** Stops everything in the organisation: sessions, keys and devices are refused until it is resumed. Only on the server. */
export const suspendTenant = defineCommand({
  action: 'tenant.suspend',
  permission: 'system',
  risk: 'reversible',
  input: z.object({}),
  execute: async ({ tx, tenantId, now }) => {
    const { count } = await tx.tenant.updateMany({
      where: { id: tenantId, status: 'active' },
      data: { status: 'suspended', suspendedAt: now },
    })
    if (count !== 1) throw new AppError('conflict', { detail: 'The organisation is not active.' })
    return {
      result: null,
      audit: { action: 'tenant.suspend', target: await tenantTarget(tx, tenantId) },
      notify: ['session', 'device'],
    }
  },
})

export const resumeTenant = defineCommand({
  action: 'tenant.resume',
  permission: 'system',
  risk: 'reversible',
  input: z.object({}),
  execute: async ({ tx, tenantId }) => {
    const { count } = await tx.tenant.updateMany({
      where: { id: tenantId, status: 'suspended' },
      data: { status: 'active', suspendedAt: null },
    })
    if (count !== 1) throw new AppError('conflict', { detail: 'The organisation is not suspended.' })
    return { result: null, audit: { action: 'tenant.resume', target: await tenantTarget(tx, tenantId) } }
  },
})

/** Changes the settings of the brake. A guard: they are its own limits. */
export const updateTenantSettings = defineCommand({
  action: 'tenant.update',
  permission: 'admin',
  risk: 'guard',
  input: z.object({ settings: tenantSettings.pick({ brake: true }) }),
  execute: async ({ tx, sql, tenantId, input }) => {
    const before = await tx.tenant.findFirst({ where: { id: tenantId }, select: { settings: true } })
    if (!before) throw new AppError('not_found')
    // What else is set has commands of its own.
    await sql(`UPDATE tenant SET settings = jsonb_set(settings, '{brake}', $2::text::jsonb) WHERE id = $1::uuid`, [
      tenantId,
      JSON.stringify(input.settings.brake),
    ])
    const old = tenantSettings.parse(before.settings)
    const detail = Object.fromEntries(
      Object.entries(input.settings.brake)
        .filter(([name, value]) => old.brake[name as keyof typeof old.brake] !== value)
        .map(([name, value]) => [
          `brake.${name}`,
          { before: String(old.brake[name as keyof typeof old.brake]), after: String(value) },
        ]),
    )
    return {
      result: input.settings,
      audit: { action: 'tenant.update', target: await tenantTarget(tx, tenantId), detail },
    }
  },
})
