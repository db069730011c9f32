import 'server-only'
import { type Actor, actorId } from './actor.ts'
import type { BrakeState } from './brake-request.ts'
import { type BrakeSettings, brakeSettings } from './brake-settings.ts'
import type { Tx } from './db.ts'

/** Our own processes have no id of their own: the organisation's stands for them. */
export function actorIdOrTenant(actor: Actor): string {
  return actor.kind === 'system' || actor.kind === 'scim' ? actor.tenantId : actorId(actor)
}

export function responsibleOf(actor: Actor): string | null {
  if (actor.kind === 'person') return actor.personId
  return actor.kind === 'api_key' ? actor.createdBy : null
}

type Admission = {
  tx: Tx
  actor: Actor
  tenantId: string
  now: Date
  settings: BrakeSettings
  budget: string
  units: number
  /** A person asks it of what is their own. */
  isOwn: boolean
}

export async function admit(admission: Admission): Promise<{ state: BrakeState; notBefore: Date | null; why: string }> {
  const exceeded = await exceededBudget(admission)
  if (exceeded) return { state: 'held', notBefore: null, why: exceeded }
  if (!admission.isOwn && mustBeApproved(admission.actor))
    return { state: 'awaiting_approval', notBefore: null, why: '' }
  return { state: 'delayed', notBefore: undoUntil(admission.now, admission.settings), why: '' }
}

export function undoUntil(now: Date, settings: BrakeSettings): Date {
  return new Date(now.getTime() + settings.undoSeconds * 1_000)
}

/** The founding owner and the operator on the server may act alone; anybody else and every key waits for a person. */
function mustBeApproved(actor: Actor): boolean {
  if (actor.kind === 'system') return false
  return !(actor.kind === 'person' && actor.founder)
}

async function exceededBudget({
  tx,
  actor,
  tenantId,
  now,
  settings,
  budget,
  units,
}: Admission): Promise<string | null> {
  const since = new Date(now.getTime() - 3_600_000)
  // Cancelled requests count as well: asking again and again is what the budget is for. Index: brake_request_spend.
  const spent = (where: ReturnType<typeof requestedBy> | Record<never, never>) =>
    tx.brakeRequest.aggregate({
      _sum: { units: true },
      where: { tenantId, budget, createdAt: { gt: since }, ...where },
    })
  const mine = ((await spent(requestedBy(actor)))._sum.units ?? 0) + units
  const all = ((await spent({}))._sum.units ?? 0) + units
  if (mine > settings.unitsPerActorPerHour)
    return `${mine} of ${settings.unitsPerActorPerHour} an hour for one requester`
  if (all > settings.unitsPerTenantPerHour)
    return `${all} of ${settings.unitsPerTenantPerHour} an hour for the organisation`
  return null
}

/** One person and all the keys they made spend one budget. */
function requestedBy(actor: Actor): { responsibleId: string } | { requesterId: string } {
  const responsibleId = responsibleOf(actor)
  return responsibleId === null ? { requesterId: actorIdOrTenant(actor) } : { responsibleId }
}

export async function readSettings(tx: Tx, tenantId: string): Promise<BrakeSettings> {
  const tenant = await tx.tenant.findFirst({ where: { id: tenantId }, select: { settings: true } })
  return brakeSettings.parse((tenant?.settings as { brake?: unknown } | undefined)?.brake ?? {})
}

/** How much of a budget the actor has used in the last hour, for the page that asks. */
export async function brakeUsage(
  tx: Tx,
  actor: Actor,
  budget: string,
  now: Date,
): Promise<{ used: number; limit: number; undoSeconds: number; alone: boolean }> {
  const settings = await readSettings(tx, actor.tenantId)
  const since = new Date(now.getTime() - 3_600_000)
  const sum = await tx.brakeRequest.aggregate({
    _sum: { units: true },
    where: { tenantId: actor.tenantId, budget, createdAt: { gt: since }, ...requestedBy(actor) },
  })
  return {
    used: sum._sum.units ?? 0,
    limit: settings.unitsPerActorPerHour,
    undoSeconds: settings.undoSeconds,
    alone: !mustBeApproved(actor),
  }
}
