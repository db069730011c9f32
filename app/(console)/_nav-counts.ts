import type { NavItem } from '#components/shell/nav.ts'
import { countWaitingRequests } from '#server/approvals/queries.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import { countPeople } from '#server/people/queries.ts'

type Counts = { [key in NavItem['key']]?: Pick<NavItem, 'count' | 'capped' | 'tone'> }

/** The figures beside the places, for what this person may see: how many there are, and what waits for a decision. */
export async function navCounts(actor: PersonActor): Promise<Counts> {
  const [people, waiting] = await Promise.all([
    actor.permissions.has('people:read') ? countPeople(actor, {}) : null,
    countWaitingRequests(actor, {}),
  ])
  return {
    ...(people ? { people: { count: people.active + people.invited } } : {}),
    approvals: { count: waiting, tone: 'danger' },
  }
}
