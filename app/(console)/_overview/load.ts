import { countWaitingRequests } from '#server/approvals/queries.ts'
import { countCaptures, getTrust } from '#server/audit/queries.ts'
import { listDamagedFiles, listFiles } from '#server/content/queries.ts'
import { deviceOverview, listWipes } from '#server/devices/queries.ts'
import { getFactor } from '#server/identity/queries.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import type { Permission } from '#server/kernel/permissions.ts'
import { countPeople } from '#server/people/queries.ts'
import { getPolicy, simulatePolicy } from '#server/policies/queries.ts'

const UNCONFIRMED_SHOWN = 50

/** Everything the first page tells, of what this person may see; null: they may not. */
export type Overview = Awaited<ReturnType<typeof loadOverview>>

/** Asks each domain through its door, all at once. */
export async function loadOverview(actor: PersonActor) {
  const may = <T>(permission: Permission, ask: () => Promise<T>): Promise<T | null> =>
    actor.permissions.has(permission) ? ask() : Promise.resolve(null)
  const [devices, unconfirmed, waiting, policy, captures, trust, factor, people, files, damaged] = await Promise.all([
    may('devices:read', () => deviceOverview(actor, {})),
    may('devices:read', () => listWipes(actor, { state: 'unconfirmed', limit: UNCONFIRMED_SHOWN })),
    countWaitingRequests(actor, {}),
    may('policies:read', () => policyInForce(actor)),
    may('audit:read', () => countCaptures(actor, {})),
    may('audit:read', () => getTrust(actor, {})),
    getFactor(actor, {}),
    may('people:read', () => countPeople(actor, {})),
    may('content:read', () => listFiles(actor, { limit: 1 })),
    may('content:read', () => listDamagedFiles(actor, {})),
  ])
  return { devices, unconfirmed, waiting, policy, captures, trust, factor, people, files, damaged }
}

/** The policy that holds, and whom its second factor would stop at the deadline. */
async function policyInForce(actor: PersonActor) {
  const policyId = actor.tenantId
  const { version, document } = await getPolicy(actor, { policyId })
  const { people } = await simulatePolicy(actor, { policyId, document })
  return { version, document, withoutFactor: people.withoutFactor.count, factorDeadline: people.factorDeadline }
}
