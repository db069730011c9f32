import type { NavItem } from '#components/shell/nav.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import { countPeople } from '#server/people/queries.ts'

type Counts = { [key in NavItem['key']]?: Pick<NavItem, 'count' | 'capped' | 'tone'> }

/** The figures beside the places, for what this person may see. */
export async function navCounts(actor: PersonActor): Promise<Counts> {
  const people = actor.permissions.has('people:read') ? await countPeople(actor, {}) : null
  return people ? { people: { count: people.active + people.invited } } : {}
}
