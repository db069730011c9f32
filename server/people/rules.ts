import { type Actor, actorId } from '#server/kernel/actor.ts'
import type { Sql, Tx } from '#server/kernel/db.ts'
import { AppError, type ErrorCode } from '#server/kernel/errors.ts'
import { PERMISSIONS, type Permission, type Role } from '#server/kernel/permissions.ts'
import { type Asker, type PersonRefusal, type PersonView, roleWithin } from './schema.ts'

const REFUSALS: Record<PersonRefusal, { code: ErrorCode; detail: string }> = {
  needsPermission: { code: 'forbidden', detail: 'This needs the permission people:write.' },
  outranks: { code: 'forbidden', detail: 'This person’s role can do more than yours.' },
  self: { code: 'conflict', detail: 'You cannot do this to yourself: another administrator must.' },
  suspended: { code: 'conflict', detail: 'This person is suspended.' },
  notSuspended: { code: 'conflict', detail: 'This person is not suspended.' },
  notInvited: { code: 'conflict', detail: 'This person has accepted the invitation already, or is suspended.' },
  founder: { code: 'conflict', detail: 'This is the last active owner.' },
}

/** @throws AppError forbidden · conflict, unless the verdict is `true` */
export function requireVerdict(verdict: true | PersonRefusal): void {
  if (verdict === true) return
  const { code, detail } = REFUSALS[verdict]
  throw new AppError(code, { detail, extra: { reason: verdict } })
}

export function permissionsOf(actor: Actor): readonly Permission[] {
  if (actor.kind === 'system') return PERMISSIONS
  return actor.kind === 'device' ? [] : [...actor.permissions]
}

export function askerOf(actor: Actor): Asker {
  return { personId: actor.kind === 'person' ? actorId(actor) : null, permissions: permissionsOf(actor) }
}

/** @throws AppError forbidden when `role` can do more than the actor */
export function requireGrantable(actor: Actor, role: Role): void {
  if (roleWithin(role, permissionsOf(actor))) return
  throw new AppError('forbidden', {
    detail: `Only somebody who can do all that ${role} can may give this role.`,
    fields: { role: 'can do more than you can' },
  })
}

/**
 * Who gets a link to an account with rights, or such an account back, gains power: no key decides that.
 * @throws AppError person_required
 */
export function requirePersonForRights(actor: Actor, { role }: Pick<PersonView, 'role'>): void {
  if (actor.kind !== 'api_key' || role === 'member') return
  throw new AppError('person_required', {
    detail: `A key cannot let somebody in who is ${role}: a person must do it in the console.`,
  })
}

/** The row locked for this transaction. @throws AppError not_found */
export async function lockPerson(tx: Tx, sql: Sql, tenantId: string, id: string): Promise<PersonView> {
  await sql('SELECT 1 FROM person WHERE tenant_id = $1::uuid AND id = $2::uuid FOR UPDATE', [tenantId, id])
  const row = await tx.person.findFirst({ where: { tenantId, id }, select: PERSON_COLUMNS })
  if (!row) throw new AppError('not_found', { detail: 'There is no such person.' })
  return toView(row)
}

/** Refuses to take the last active owner away. Locks every owner: two owners who remove each other at once take turns. */
export async function requireAnotherOwner(sql: Sql, tenantId: string, person: PersonView): Promise<void> {
  if (person.role !== 'owner' || person.status !== 'active') return
  const owners = await sql<{ id: string }>(
    `SELECT id::text FROM person WHERE tenant_id = $1::uuid AND role = 'owner' AND status = 'active' ORDER BY id FOR UPDATE`,
    [tenantId],
  )
  if (!owners.some(({ id }) => id !== person.id)) {
    throw new AppError('lockout', { detail: 'This is the last active owner: make somebody else an owner first.' })
  }
}

export const PERSON_COLUMNS = {
  id: true,
  email: true,
  name: true,
  role: true,
  status: true,
  founder: true,
  createdAt: true,
  suspendedAt: true,
} as const

type Row = {
  id: string
  email: string
  name: string
  role: string
  status: string
  founder: boolean
  createdAt: Date
  suspendedAt: Date | null
}

/** The database's CHECKs hold role and status to the lists. */
export function toView(row: Row): PersonView {
  return { ...row, role: row.role as PersonView['role'], status: row.status as PersonView['status'] }
}
