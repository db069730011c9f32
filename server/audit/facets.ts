import 'server-only'
import type { AuditEntry } from '#protocol/audit/entry.ts'
import type { Sql } from '#server/kernel/db.ts'
import { findPage } from './find-page.ts'
import { planOf } from './plan.ts'
import { boundsOf, type Candidate, type Opened } from './scan.ts'
import { type Ask, FACET_SAMPLE, type FacetField, type Facets, type FacetValue } from './schema.ts'
import { inTime } from './statement-limit.ts'

const BUDGET_MS = 1_000
const MOST_VALUES = 8

/** The most frequent values among the newest matches. */
export async function facets(
  sql: Sql,
  tenantId: string,
  ask: Ask & { fields: readonly FacetField[] } & Opened,
): Promise<Facets> {
  const plan = planOf(ask.q, tenantId)
  const bounds = await boundsOf(sql, tenantId, ask)
  if (!bounds) return { facets: ask.fields.map((field) => ({ field, values: [] })), counted: 0, complete: true }
  const page = { ...ask, order: 'newest' as const, limit: FACET_SAMPLE }
  const found = await inTime(() =>
    findPage(sql, { tenantId, plan, ask: page, bounds, place: null, budgetMs: BUDGET_MS }),
  )
  return {
    facets: ask.fields.map((field) => ({ field, values: topValues(found.items, field) })),
    counted: found.items.length,
    complete: found.next === null,
  }
}

function topValues(events: readonly Candidate[], field: FacetField): FacetValue[] {
  const values = new Map<string, FacetValue>()
  for (const event of events) {
    for (const told of valuesOf(event, field)) {
      const known = values.get(told.value)
      // Newest first: the first name met is the latest.
      if (known) known.count++
      else values.set(told.value, { ...told, count: 1 })
    }
  }
  return [...values.values()].sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1)).slice(0, MOST_VALUES)
}

function valuesOf({ entry, personal }: Candidate, field: FacetField): Omit<FacetValue, 'count'>[] {
  switch (field) {
    case 'actor':
      return [actorOf(entry.actor, personal?.actorName)]
    case 'device':
      return entry.device ? [{ value: entry.device.id, label: personal?.deviceName }] : []
    case 'label':
      return (entry.labels ?? []).map((value) => ({ value }))
    case 'enforcement':
      return entry.enforcement ? [{ value: entry.enforcement }] : []
    default:
      return [{ value: entry[field] }]
  }
}

function actorOf({ kind, id }: AuditEntry['actor'], name: string | undefined): Omit<FacetValue, 'count'> {
  if (id !== undefined) return { value: id, label: name, kind }
  return name === undefined ? { value: kind, kind } : { value: name, label: name, kind }
}
