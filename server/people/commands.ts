import { uuidv7 } from '#lib/uuid.ts'
import { type CommandContext, defineCommand } from '#server/kernel/command.ts'
import { isUniqueViolation, type Tx } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import type { Role } from '#server/kernel/permissions.ts'
import { addToDirectory } from './directory.ts'
import { consumeLink, type IssuedLink, issueLink, type OpenLink } from './links.ts'
import {
  askerOf,
  lockPerson,
  requireAnotherOwner,
  requireGrantable,
  requirePersonForRights,
  requireVerdict,
} from './rules.ts'
import {
  changeRoleInput,
  memberInput,
  type PersonView,
  personCan,
  personRef,
  staffInput,
  updatePersonInput,
} from './schema.ts'

export { consumeLink, type IssuedLink, issueLink, type OpenLink } from './links.ts'

type NewPerson = { email: string; name: string; role: Role }

/**
 * Writes a person who is active at once, with the directory's entry; for the command that founds an organisation.
 * @throws AppError conflict when the address is taken in this organisation
 */
export async function writePerson(
  { tx, tenantId, now }: CommandContext<unknown>,
  { email, name, role, status, founder = false }: NewPerson & { status: 'invited' | 'active'; founder?: boolean },
): Promise<string> {
  const id = uuidv7(now.getTime())
  try {
    await tx.person.create({
      data: { tenantId, id, email, name, role, status, founder, createdAt: now },
      select: { id: true },
    })
    await addToDirectory(tx, { tenantId, personId: id, email })
  } catch (error) {
    if (!isUniqueViolation(error)) throw error
    throw new AppError('conflict', {
      detail: 'Somebody with this address is in the organisation already.',
      fields: { email: 'is taken' },
    })
  }
  return id
}

export type Invited = { id: string; invitation: IssuedLink }

async function invite(context: CommandContext<NewPerson>) {
  const { actor, input } = context
  requireGrantable(actor, input.role)
  const id = await writePerson(context, { ...input, status: 'invited' })
  const { link, jobs } = await issueLink(context, { id, ...input }, 'invitation')
  const target = { type: 'person', id, name: input.name }
  return {
    result: { id, invitation: link } satisfies Invited,
    audit: [
      { action: 'person.create', target, detail: { role: input.role, email: input.email } },
      { action: 'person.invite', target, detail: { expiresAt: link.expiresAt.toISOString() } },
    ] as const,
    jobs,
  }
}

/** Invites a member: somebody with devices and files, without any right in the console. Entries person.create, person.invite. */
export const invitePerson = defineCommand({
  action: 'person.create',
  permission: 'people:write',
  risk: 'reversible',
  input: memberInput,
  execute: invite,
})

/** Invites somebody with rights. A guard: it decides who may act, so a person confirms it. Entries person.create, person.invite. */
export const inviteStaff = defineCommand({
  action: 'person.create',
  name: 'person.create.staff',
  permission: 'people:write',
  risk: 'guard',
  input: staffInput,
  execute: invite,
})

/** A fresh link for somebody who has not accepted yet; the earlier link ends. Whoever holds it becomes that person. */
export const renewInvitation = defineCommand({
  action: 'person.invite',
  permission: 'people:write',
  risk: 'reversible',
  stepUp: 'recent',
  input: personRef,
  target: ({ id }) => ({ type: 'person', id }),
  execute: async (context) => {
    const { tx, sql, tenantId, actor, input } = context
    const person = await lockPerson(tx, sql, tenantId, input.id)
    requireVerdict(personCan.invite(person, askerOf(actor)))
    requirePersonForRights(actor, person)
    const { link, jobs } = await issueLink(context, person, 'invitation')
    return {
      result: link,
      audit: { action: 'person.invite', target: targetOf(person), detail: { expiresAt: link.expiresAt.toISOString() } },
      jobs,
    }
  },
})

/** Ends the open links of somebody who has not accepted yet. */
export const revokeInvitation = defineCommand({
  action: 'person.revoke_invite',
  permission: 'people:write',
  risk: 'reversible',
  input: personRef,
  target: ({ id }) => ({ type: 'person', id }),
  execute: async ({ tx, sql, tenantId, actor, input, now }) => {
    const person = await lockPerson(tx, sql, tenantId, input.id)
    requireVerdict(personCan.invite(person, askerOf(actor)))
    const count = await endLinks(tx, tenantId, input.id, now)
    if (count === 0) throw new AppError('conflict', { detail: 'There is no open invitation.' })
    return { result: null, audit: { action: 'person.revoke_invite', target: targetOf(person) } }
  },
})

export const updatePerson = defineCommand({
  action: 'person.update',
  permission: 'people:write',
  risk: 'reversible',
  input: updatePersonInput,
  target: ({ id }) => ({ type: 'person', id }),
  execute: async ({ tx, sql, tenantId, actor, input }) => {
    const person = await lockPerson(tx, sql, tenantId, input.id)
    requireVerdict(personCan.update(person, askerOf(actor)))
    await tx.person.updateMany({ where: { tenantId, id: input.id }, data: { name: input.name } })
    const detail = { name: { before: person.name, after: input.name } }
    return {
      result: { ...person, name: input.name },
      audit: { action: 'person.update', target: { ...targetOf(person), name: input.name }, detail },
    }
  },
})

/** Changes what somebody may do. A guard, up and down: both decide who holds power. @throws AppError lockout for the last active owner */
export const changeRole = defineCommand({
  action: 'person.update',
  name: 'person.role',
  permission: 'people:write',
  risk: 'guard',
  input: changeRoleInput,
  target: ({ id }) => ({ type: 'person', id }),
  execute: async ({ tx, sql, tenantId, actor, input }) => {
    const person = await lockPerson(tx, sql, tenantId, input.id)
    requireVerdict(personCan.changeRole(person, askerOf(actor)))
    requireGrantable(actor, input.role)
    if (input.role !== 'owner') await requireAnotherOwner(sql, tenantId, person)
    // Whoever stops being an owner also stops being the founder, who may act alone.
    const founder = person.founder && input.role === 'owner'
    await tx.person.updateMany({ where: { tenantId, id: input.id }, data: { role: input.role, founder } })
    const detail = { role: { before: person.role, after: input.role } }
    return {
      result: { ...person, role: input.role, founder },
      audit: { action: 'person.update', target: targetOf(person), detail },
    }
  },
})

/** Ends sign-in, sessions and open invitations at once; it can be taken back. @throws AppError lockout for the last active owner */
export const suspendPerson = defineCommand({
  action: 'person.suspend',
  permission: 'people:write',
  risk: 'reversible',
  input: personRef,
  target: ({ id }) => ({ type: 'person', id }),
  execute: async ({ tx, sql, tenantId, actor, input, now }) => {
    const person = await lockPerson(tx, sql, tenantId, input.id)
    requireVerdict(personCan.suspend(person, askerOf(actor)))
    await requireAnotherOwner(sql, tenantId, person)
    await tx.person.updateMany({ where: { tenantId, id: input.id }, data: { status: 'suspended', suspendedAt: now } })
    await endLinks(tx, tenantId, input.id, now)
    return { result: null, audit: { action: 'person.suspend', target: targetOf(person) }, notify: ['session'] }
  },
})

/** Lets somebody in again. Who never accepted is invited as before and needs a new link. */
export const resumePerson = defineCommand({
  action: 'person.resume',
  permission: 'people:write',
  risk: 'reversible',
  input: personRef,
  target: ({ id }) => ({ type: 'person', id }),
  execute: async ({ tx, sql, tenantId, actor, input }) => {
    const person = await lockPerson(tx, sql, tenantId, input.id)
    requireVerdict(personCan.resume(person, askerOf(actor)))
    requirePersonForRights(actor, person)
    const links = await tx.personLink.findMany({
      where: { tenantId, personId: input.id, purpose: 'invitation' },
      select: { usedAt: true },
    })
    // A founding owner was never invited; everybody else has a link, and has used it or not.
    const status = links.length === 0 || links.some(({ usedAt }) => usedAt) ? 'active' : 'invited'
    await tx.person.updateMany({ where: { tenantId, id: input.id }, data: { status, suspendedAt: null } })
    return { result: null, audit: { action: 'person.resume', target: targetOf(person) } }
  },
})

/**
 * Turns an invited person active inside the command that sets their first password.
 * @throws AppError gone when the link was used, replaced or is too old
 */
export async function acceptInvitation(context: CommandContext<unknown>, token: string): Promise<OpenLink> {
  const { tx, tenantId } = context
  const link = await consumeLink(context, token, 'invitation')
  await tx.person.updateMany({ where: { tenantId, id: link.personId, status: 'invited' }, data: { status: 'active' } })
  return link
}

/** Ends the open links of a person; their rows stay and say that there was an invitation. */
async function endLinks(tx: Tx, tenantId: string, personId: string, now: Date): Promise<number> {
  const { count } = await tx.personLink.updateMany({
    where: { tenantId, personId, usedAt: null, expiresAt: { gt: now } },
    data: { expiresAt: now },
  })
  return count
}

function targetOf(person: PersonView): { type: 'person'; id: string; name: string } {
  return { type: 'person', id: person.id, name: person.name }
}
