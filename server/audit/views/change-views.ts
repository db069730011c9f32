import 'server-only'
import { uuidv7 } from '#lib/uuid.ts'
import type { Actor, PersonActor } from '#server/kernel/actor.ts'
import { type CommandContext, defineCommand } from '#server/kernel/command.ts'
import { AppError } from '#server/kernel/errors.ts'
import { readQuery } from '../plan.ts'
import { changeViewInput, MOST_VIEWS, saveViewInput, viewInput } from './form.ts'
import { readViews, type StoredView } from './rows.ts'

/**
 * Keeps a search under a name. Audit: `audit.view.create` with what it asks.
 * @throws AppError query_invalid · invalid · forbidden for keys · conflict where the person has one of that name, or too many
 */
export const createAuditView = defineCommand({
  action: 'audit.view.create',
  permission: 'audit:read',
  risk: 'none',
  input: saveViewInput,
  execute: async ({ sql, tenantId, actor, now, input: { name, isShared, search } }) => {
    const { personId } = requirePersonActor(actor)
    readQuery(search.q)
    const own = await readViews(sql, { tenantId, ownId: personId, withShared: false })
    if (own.length >= MOST_VIEWS)
      throw new AppError('conflict', { detail: `You keep ${MOST_VIEWS} views already. Remove one first.` })
    requireFreeName(own, name)
    const id = uuidv7(now.getTime())
    const { q, span, from, to, order, columns, timeZone } = search
    await sql(
      `INSERT INTO audit_view (tenant_id, id, owner_id, name, is_shared, q, span, from_at, to_at, order_by, columns, time_zone, created_at, updated_at)
       VALUES ($1::uuid, $2::uuid, $3::uuid, $4::text, $5::boolean, $6::text, $7::text, $8::text::timestamptz, $9::text::timestamptz, $10::text,
               $11::text[], $12::text, $13::text::timestamptz, $13::text::timestamptz)`,
      [
        tenantId,
        id,
        personId,
        name,
        isShared,
        q,
        span ?? null,
        from ?? null,
        to ?? null,
        order,
        columns,
        timeZone ?? null,
        now.toISOString(),
      ],
    )
    return {
      result: { id },
      audit: {
        action: 'audit.view.create',
        target: { type: 'audit_view', id, name },
        detail: { query: q, shared: String(isShared), ...(span && { span }), ...(from && { from }), ...(to && { to }) },
      },
    }
  },
})

/**
 * Gives a view of one's own another name, shares it or takes it back. Audit: `audit.view.update`.
 * @throws AppError not_found unless it is the person's own · conflict on a name that another one has
 */
export const updateAuditView = defineCommand({
  action: 'audit.view.update',
  permission: 'audit:read',
  risk: 'none',
  input: changeViewInput,
  target: ({ viewId }) => ({ type: 'audit_view', id: viewId }),
  execute: async (context) => {
    const { sql, tenantId, actor, now, input } = context
    const { viewId, name, isShared } = input
    const before = await lockView(context, viewId, false)
    const own = await readViews(sql, { tenantId, ownId: requirePersonActor(actor).personId, withShared: false })
    requireFreeName(
      own.filter(({ id }) => id !== viewId),
      name,
    )
    await sql(
      `UPDATE audit_view SET name = $3::text, is_shared = $4::boolean, updated_at = $5::text::timestamptz
        WHERE tenant_id = $1::uuid AND id = $2::uuid`,
      [tenantId, viewId, name, isShared, now.toISOString()],
    )
    return {
      result: null,
      audit: {
        action: 'audit.view.update',
        target: { type: 'audit_view', id: viewId, name },
        detail: {
          ...(name !== before.name && { name: { before: before.name, after: name } }),
          ...(isShared !== before.isShared && {
            shared: { before: String(before.isShared), after: String(isShared) },
          }),
        },
      },
    }
  },
})

/** Removes a view: one's own, or, for who may set up the organisation, a shared one. Audit: `audit.view.delete`. @throws AppError not_found */
export const deleteAuditView = defineCommand({
  action: 'audit.view.delete',
  permission: 'audit:read',
  risk: 'none',
  input: viewInput,
  target: ({ viewId }) => ({ type: 'audit_view', id: viewId }),
  execute: async (context) => {
    const { sql, tenantId, actor, input } = context
    const isAdmin = actor.kind === 'person' && actor.permissions.has('admin')
    const view = await lockView(context, input.viewId, isAdmin)
    await sql('DELETE FROM audit_view WHERE tenant_id = $1::uuid AND id = $2::uuid', [tenantId, view.id])
    return {
      result: null,
      audit: {
        action: 'audit.view.delete',
        target: { type: 'audit_view', id: view.id, name: view.name },
        detail: { query: view.search.q, shared: String(view.isShared) },
      },
    }
  },
})

/** One's own, or also a shared one. Any other does not exist for this person, whether somebody else sees it or not. */
async function lockView(
  { sql, tenantId, actor }: CommandContext<unknown>,
  viewId: string,
  orShared: boolean,
): Promise<StoredView> {
  const { personId } = requirePersonActor(actor)
  await sql('SELECT 1 FROM audit_view WHERE tenant_id = $1::uuid AND id = $2::uuid FOR UPDATE', [tenantId, viewId])
  const [view] = await readViews(sql, { tenantId, ownId: personId, withShared: orShared, viewId })
  if (!view) throw new AppError('not_found', { detail: 'You have no such view.' })
  return view
}

function requirePersonActor(actor: Actor): PersonActor {
  if (actor.kind === 'person') return actor
  throw new AppError('forbidden', { detail: 'Views belong to people.' })
}

function requireFreeName(others: readonly { name: string }[], name: string): void {
  if (!others.some((other) => other.name === name)) return
  const problem = 'is the name of another view of yours'
  throw new AppError('conflict', { detail: `name: ${problem}`, fields: { name: problem } })
}
