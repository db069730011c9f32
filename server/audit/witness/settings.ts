import 'server-only'
import { z } from 'zod'
import { uuidv7 } from '#lib/uuid.ts'
import { parseWitnessVkey } from '#protocol/audit/cosignature.ts'
import { NoteError } from '#protocol/audit/note.ts'
import { type CommandContext, defineCommand } from '#server/kernel/command.ts'
import { isUniqueViolation } from '#server/kernel/db.ts'
import { readEnv } from '#server/kernel/env.ts'
import { AppError } from '#server/kernel/errors.ts'
import { emailField, textField, uuidField } from '#server/kernel/fields.ts'
import { tenantTarget } from '#server/tenants/queries.ts'
import { isAllowedUrl } from './outside-request.ts'

/** Of each kind. */
const LIMIT = 10

const vkeyField = textField({ max: 400 }).transform((vkey, context) => {
  try {
    return { vkey, name: parseWitnessVkey(vkey).name }
  } catch (error) {
    if (!(error instanceof NoteError)) throw error
    context.addIssue({ code: 'custom', message: 'is not the verifier key of a witness (name+id+base64, type 4)' })
    return z.NEVER
  }
})

const urlField = textField({ max: 500 })
  .transform((url) => url.replace(/\/+$/, ''))
  .refine((url) => isAllowedUrl(url, readEnv().witnessNetworks), 'is not an https:// address that may be called')

/**
 * Adds a witness: every checkpoint is offered to it from now on. A guard: what it cosigns is shown as "Intact".
 * Audit: `tenant.update`. @throws AppError invalid · conflict when it is there · step_up_required
 */
export const addWitness = defineCommand({
  action: 'tenant.update',
  name: 'audit.witness.add',
  permission: 'admin',
  risk: 'guard',
  input: z.object({ url: urlField, vkey: vkeyField }),
  execute: async (context) => {
    const { url, vkey } = context.input
    const id = await insert(context, { kind: 'witness', name: vkey.name, place: url, vkey: vkey.vkey }, 'url')
    return { result: { id }, audit: await changed(context, { witness: { after: `${vkey.name} ${url}` } }) }
  },
})

/** Adds an address that checkpoints are mailed to, daily. A guard, as above. Audit: `tenant.update`. @throws AppError invalid · conflict · step_up_required */
export const addRecipient = defineCommand({
  action: 'tenant.update',
  name: 'audit.recipient.add',
  permission: 'admin',
  risk: 'guard',
  input: z.object({ email: emailField() }),
  execute: async (context) => {
    const { email } = context.input
    const id = await insert(context, { kind: 'mail', name: email, place: email, vkey: null }, 'email')
    return {
      result: { id },
      audit: await changed(context, { checkpointMail: { after: email } }),
      jobs: [{ task: 'audit.mail', payload: { tenantId: context.tenantId }, key: 'audit.mail.now' }],
    }
  },
})

/** Ends the turning to a witness or an address; what it has seen stays. A guard. Audit: `tenant.update`. @throws AppError not_found · step_up_required */
export const removeAnchor = defineCommand({
  action: 'tenant.update',
  name: 'audit.anchor.remove',
  permission: 'admin',
  risk: 'guard',
  input: z.object({ anchorId: uuidField() }),
  execute: async ({ tx, sql, tenantId, input, now }) => {
    const [row] = await sql<{ kind: string; name: string; place: string }>(
      `UPDATE audit_anchor SET removed_at = $3::text::timestamptz WHERE tenant_id = $1::uuid AND id = $2::uuid AND removed_at IS NULL
       RETURNING kind, name, place`,
      [tenantId, input.anchorId, now.toISOString()],
    )
    if (!row) throw new AppError('not_found')
    const detail: Change =
      row.kind === 'witness'
        ? { witness: { before: `${row.name} ${row.place}` } }
        : { checkpointMail: { before: row.place } }
    return { result: null, audit: await changed({ tx, tenantId }, detail) }
  },
})

type Change = { readonly [name: string]: { before?: string; after?: string } }

async function changed({ tx, tenantId }: Pick<CommandContext<unknown>, 'tx' | 'tenantId'>, detail: Change) {
  return { action: 'tenant.update' as const, target: await tenantTarget(tx, tenantId), detail }
}

type New = { kind: 'witness' | 'mail'; name: string; place: string; vkey: string | null }

async function insert(
  { sql, tenantId, now }: CommandContext<unknown>,
  { kind, name, place, vkey }: New,
  field: string,
): Promise<string> {
  const [count] = await sql<{ count: number }>(
    'SELECT count(*)::integer AS count FROM audit_anchor WHERE tenant_id = $1::uuid AND kind = $2::text AND removed_at IS NULL',
    [tenantId, kind],
  )
  if ((count?.count ?? 0) >= LIMIT) throw new AppError('conflict', { detail: `There may be ${LIMIT} at most.` })
  const id = uuidv7(now.getTime())
  await sql(
    `INSERT INTO audit_anchor (tenant_id, id, kind, name, place, vkey, added_at)
     VALUES ($1::uuid, $2::uuid, $3::text, $4::text, $5::text, $6::text, $7::text::timestamptz)`,
    [tenantId, id, kind, name, place, vkey, now.toISOString()],
  ).catch((error: unknown) => {
    throw isUniqueViolation(error)
      ? new AppError('conflict', { detail: 'This one is there already.', fields: { [field]: 'is taken' } })
      : error
  })
  return id
}
