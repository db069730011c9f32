import type { z } from 'zod'
import type { Actor } from '#server/kernel/actor.ts'
import { parseInput } from '#server/kernel/fields.ts'
import { changeRole, resumePerson, suspendPerson, updatePerson } from '#server/people/commands.ts'
import { getPerson } from '#server/people/queries.ts'
import { changePersonInput } from '#server/people/schema.ts'

type Change = z.output<typeof changePersonInput>

/** Makes the one change that the body names and answers the person as they are then. */
export async function changePerson(actor: Actor, personId: string, body: Record<string, unknown>) {
  const change = parseInput(changePersonInput, { ...body, personId })
  await carryOut(actor, change)
  return getPerson(actor, { id: change.personId })
}

async function carryOut(actor: Actor, { personId: id, name, role, status }: Change): Promise<unknown> {
  if (name !== undefined) return updatePerson(actor, { id, name })
  if (role !== undefined) return changeRole(actor, { id, role })
  return status === 'suspended' ? suspendPerson(actor, { id }) : resumePerson(actor, { id })
}
