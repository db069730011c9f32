import { isUuid } from '#lib/uuid.ts'
import { queryTerms } from '#protocol/audit/query.ts'
import { textsOf } from '../detail-ids.ts'
import { readQuery } from '../plan.ts'
import type { AuditEventView } from '../schema.ts'
import { isOpenType } from './visible.ts'

/**
 * Whom an event names: ids of people, devices and brake requests, and what it calls somebody where it has no id, which is a name,
 * an address or any other text that stands by itself.
 */
export function shownIn(event: AuditEventView): (string | undefined)[] {
  const { actor, device, target, correlationId, detail = {}, knownFrom } = event
  const { requester, ...others } = detail
  // The request knows who asked; the name alone may be that of several. What an app correlates is no request of ours.
  const isOfRequest = requester !== undefined && correlationId !== undefined && knownFrom === 'server'
  const said = Object.values(isOfRequest ? others : detail).flatMap(textsOf)
  return [
    actor.id,
    ...(isUuid(actor.id ?? '') ? [] : [actor.name, actor.email]),
    device?.id,
    target?.id,
    // The server's ids are of this organisation; those of others may be of whatever else they count.
    ...(target && (knownFrom !== 'server' || !isUuid(target.id)) && !isOpenType(target.type) ? [target.name] : []),
    isOfRequest ? correlationId : undefined,
    // An id is no name: who looks one up shows it.
    ...said.filter((text) => !isUuid(text)),
  ]
}

/** Whom a question names: what stands in it by itself. */
export function shownInQuery(q: string): string[] {
  return queryTerms(readQuery(q)).map(({ value }) => value)
}
