import 'server-only'
import { z } from 'zod'
import { now } from '#server/kernel/clock.ts'
import { defineQuery } from '#server/kernel/query.ts'
import { maskingFor } from '../masking/masking.ts'
import { eachMatch } from '../matches.ts'

/** The values that the newest events have in the fields that no list of the product knows, most frequent first. */
export type ValuesInLog = { labels: string[]; sources: string[]; isMasked: boolean }

/** So many of the newest events are looked at. */
const LOOKED_AT = 2_000
/** Who types asks many times in a row. */
const FRESH_MS = 30_000
const MOST_ORGANISATIONS = 100

const seen = new Map<string, { at: number; values: Omit<ValuesInLog, 'isMasked'> }>()

/** Labels and sources to choose from while a query is typed, and whether names are hidden from this reader. Writes no search: no event is shown. */
export const listValuesInLog = defineQuery({
  name: 'audit.values',
  permission: 'audit:read',
  input: z.strictObject({}),
  run: async ({ sql, tenantId, actor }): Promise<ValuesInLog> => {
    const { isMasked } = await maskingFor(sql, actor)
    return { ...(await valuesOf(tenantId)), isMasked }
  },
})

async function valuesOf(tenantId: string): Promise<Omit<ValuesInLog, 'isMasked'>> {
  const at = now().getTime()
  const known = seen.get(tenantId)
  if (known && at - known.at < FRESH_MS) return known.values
  const values = await readValues(tenantId)
  const [oldest] = seen.keys()
  if (seen.size >= MOST_ORGANISATIONS && oldest !== undefined) seen.delete(oldest)
  seen.set(tenantId, { at, values })
  return values
}

async function readValues(tenantId: string): Promise<Omit<ValuesInLog, 'isMasked'>> {
  const labels = new Map<string, number>()
  const sources = new Map<string, number>()
  const count = (counts: Map<string, number>, value: string) => counts.set(value, (counts.get(value) ?? 0) + 1)
  let looked = 0
  for await (const { items } of eachMatch(tenantId, { q: '', from: undefined, to: undefined, order: 'newest' })) {
    for (const { entry } of items) {
      count(sources, entry.source)
      for (const label of entry.labels ?? []) count(labels, label)
    }
    looked += items.length
    if (looked >= LOOKED_AT) break
  }
  return { labels: byCount(labels), sources: byCount(sources) }
}

function byCount(counts: ReadonlyMap<string, number>): string[] {
  return [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).map(([value]) => value)
}
