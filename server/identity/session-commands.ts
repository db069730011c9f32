import { z } from 'zod'
import { defineCommand } from '#server/kernel/command.ts'
import { AppError } from '#server/kernel/errors.ts'
import { uuidField } from '#server/kernel/fields.ts'
import { findPerson } from '#server/people/queries.ts'
import { roleWithin } from '#server/people/schema.ts'
import { requirePersonActor } from './second-factor.ts'

/** Ends the session that asks; also one that waits for its second factor. Doing it twice is harmless. */
export const signOut = defineCommand({
  action: 'auth.sign_out',
  permission: 'pending',
  risk: 'none',
  input: z.object({}),
  execute: async ({ tx, tenantId, actor: anyone, now }) => {
    const { sessionId } = requirePersonActor(anyone)
    await tx.session.updateMany({ where: { tenantId, id: sessionId, revokedAt: null }, data: { revokedAt: now } })
    return { result: null, audit: { action: 'auth.sign_out' }, notify: ['session'] }
  },
})

/** Ends one of one's own sessions at once. */
export const revokeSession = defineCommand({
  action: 'session.revoke',
  permission: 'self',
  risk: 'none',
  input: z.object({ id: uuidField() }),
  target: ({ id }) => ({ type: 'session', id }),
  execute: async ({ tx, tenantId, actor, input, now }) => {
    const { personId } = requirePersonActor(actor)
    const where = { tenantId, personId, id: input.id }
    if (!(await tx.session.findFirst({ where, select: { id: true } })))
      throw new AppError('not_found', { detail: 'There is no such session.' })
    const { count } = await tx.session.updateMany({ where: { ...where, revokedAt: null }, data: { revokedAt: now } })
    if (count !== 1) throw new AppError('conflict', { detail: 'This session has ended already.' })
    return { result: null, audit: { action: 'session.revoke', target: { type: 'session', id: input.id } } }
  },
})

/** Ends every session of one's own but this one. */
export const revokeOtherSessions = defineCommand({
  action: 'session.revoke',
  name: 'session.revoke.others',
  permission: 'self',
  risk: 'none',
  input: z.object({}),
  execute: async ({ tx, tenantId, actor: anyone, now }) => {
    const { personId, sessionId, name } = requirePersonActor(anyone)
    const { count } = await tx.session.updateMany({
      where: { tenantId, personId, revokedAt: null, id: { not: sessionId } },
      data: { revokedAt: now },
    })
    return {
      result: { revoked: count },
      audit: {
        action: 'session.revoke',
        target: { type: 'person', id: personId, name },
        detail: { sessions: String(count) },
      },
    }
  },
})

/** Ends every session of somebody else. */
export const revokePersonSessions = defineCommand({
  action: 'session.revoke',
  name: 'session.revoke.person',
  permission: 'people:write',
  risk: 'reversible',
  input: z.object({ id: uuidField() }),
  target: ({ id }) => ({ type: 'person', id }),
  execute: async ({ tx, tenantId, actor, input, now }) => {
    const person = await findPerson(tx, tenantId, input.id)
    if (!person) throw new AppError('not_found', { detail: 'There is no such person.' })
    const permissions = actor.kind === 'person' || actor.kind === 'api_key' ? [...actor.permissions] : null
    if (permissions && !roleWithin(person.role, permissions))
      throw new AppError('forbidden', { detail: 'This person’s role can do more than yours.' })
    const { count } = await tx.session.updateMany({
      where: { tenantId, personId: person.id, revokedAt: null },
      data: { revokedAt: now },
    })
    const target = { type: 'person', id: person.id, name: person.name }
    return {
      result: { revoked: count },
      audit: { action: 'session.revoke', target, detail: { sessions: String(count) } },
    }
  },
})
