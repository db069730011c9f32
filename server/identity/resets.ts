import { z } from 'zod'
import { type Actor, systemActor } from '#server/kernel/actor.ts'
import { parseBearer } from '#server/kernel/bearer.ts'
import { defineCommand } from '#server/kernel/command.ts'
import type { Tx } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { parseInput, uuidField } from '#server/kernel/fields.ts'
import { consumeLink, issueLink } from '#server/people/commands.ts'
import { findPerson, readLink } from '#server/people/queries.ts'
import { type PersonView, roleWithin } from '#server/people/schema.ts'
import { dropFactors } from './factors.ts'
import { countLink } from './limits.ts'
import { storePassword } from './password-store.ts'
import { hashPassword, requireGoodPassword } from './passwords.ts'
import { acceptInput } from './schema.ts'
import type { Client } from './sessions.ts'

/** Takes somebody's second factor away, so that they enrol a new one. A guard; ends their sessions. */
export const resetSecondFactor = defineCommand({
  action: 'auth.second_factor.reset',
  permission: 'people:write',
  risk: 'guard',
  input: z.object({ id: uuidField() }),
  target: ({ id }) => ({ type: 'person', id }),
  execute: async ({ tx, tenantId, actor, input, now }) => {
    const person = await requireOther(tx, actor, input.id)
    if (!(await dropFactors(tx, tenantId, person.id)))
      throw new AppError('conflict', { detail: 'This person has no second factor.' })
    await tx.session.updateMany({ where: { tenantId, personId: person.id, revokedAt: null }, data: { revokedAt: now } })
    return {
      result: null,
      audit: { action: 'auth.second_factor.reset', target: { type: 'person', id: person.id, name: person.name } },
      notify: ['session', 'person'],
    }
  },
})

/** Somebody else of the organisation whose role is within the actor's. @throws AppError not_found · conflict · forbidden */
async function requireOther(tx: Tx, actor: Actor, id: string): Promise<PersonView> {
  const person = await findPerson(tx, actor.tenantId, id)
  if (!person) throw new AppError('not_found', { detail: 'There is no such person.' })
  if (actor.kind === 'person' && actor.personId === person.id)
    throw new AppError('conflict', { detail: 'Your own sign-in is on your account page.' })
  if (actor.kind === 'person' && !roleWithin(person.role, [...actor.permissions]))
    throw new AppError('forbidden', { detail: 'This person’s role can do more than yours.' })
  return person
}

/** A link with which somebody who forgot their password chooses a new one. A guard: whoever holds it is half that person. */
export const issuePasswordReset = defineCommand({
  action: 'auth.password.reset',
  name: 'auth.password.reset.issue',
  permission: 'people:write',
  risk: 'guard',
  input: z.object({ id: uuidField() }),
  target: ({ id }) => ({ type: 'person', id }),
  execute: async (context) => {
    const person = await requireOther(context.tx, context.actor, context.input.id)
    if (person.status !== 'active') throw new AppError('conflict', { detail: 'This person is not active.' })
    const { link, jobs } = await issueLink(context, person, 'reset')
    const target = { type: 'person', id: person.id, name: person.name }
    return {
      result: link,
      audit: {
        action: 'auth.password.reset',
        outcome: 'pending',
        target,
        detail: { expiresAt: link.expiresAt.toISOString() },
      },
      jobs,
    }
  },
})

const consumeReset = defineCommand({
  action: 'auth.password.reset',
  permission: 'system',
  risk: 'none',
  input: z.object({ token: z.string(), hash: z.string(), address: z.string() }),
  execute: async (context) => {
    const { tx, tenantId, input, now } = context
    const { personId, name } = await consumeLink(context, input.token, 'reset')
    await storePassword(context, personId, input.hash)
    await tx.session.updateMany({ where: { tenantId, personId, revokedAt: null }, data: { revokedAt: now } })
    const actor = { kind: 'person', id: personId, name } as const
    return {
      result: null,
      audit: {
        action: 'auth.password.reset',
        actor,
        target: { type: 'person', id: personId, name },
        address: input.address,
      },
      notify: ['session'],
    }
  },
})

/** Chooses a new password with a reset link; ends every session. The second factor stays. @throws AppError invalid · gone · rate_limited */
export async function resetPasswordWithLink(
  raw: z.input<typeof acceptInput>,
  client: Client,
): Promise<{ tenantId: string; email: string }> {
  await countLink(client.address)
  const { token, password } = parseInput(acceptInput, raw)
  const link = await readLink(token, 'reset')
  requireGoodPassword(password, [link.email, link.organisation])
  const tenantId = parseBearer('gi', token)?.tenantId ?? ''
  await consumeReset(systemActor(tenantId, 'reset'), {
    token,
    hash: await hashPassword(password),
    address: client.address,
  })
  return { tenantId, email: link.email }
}
