import { listValuesInLog } from '#server/audit/queries.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import { listPolicies } from '#server/policies/queries.ts'
import { findThings } from '../../../api/search/find-things.ts'
import { POLICY_PATHS } from '../../policies/_components/policy-text.ts'

/** What may stand after a field: the value as the query has it, and what it is called. */
export type FoundValue = { value: string; name?: string; hint?: string }

const MOST_FOUND = 12

const KIND_OF: Readonly<Record<string, string>> = { actor: 'person', device: 'device', target: 'file' }

/**
 * Values of a field that begin with or hold a text: people, devices, files and policies by their names, labels and sources as the
 * newest events have them. From whom the log hides names it finds nobody: what they asked by an id would tell the name.
 */
export async function findValues(actor: PersonActor, field: string, text: string): Promise<FoundValue[]> {
  const { labels, sources, isMasked } = await listValuesInLog(actor, {})
  const kind = KIND_OF[field]
  if (kind) return isMasked ? [] : namesOf(actor, kind, text)
  const wanted = text.toLowerCase()
  const holds = ({ value, name }: FoundValue) => `${value} ${name ?? ''}`.toLowerCase().includes(wanted)
  const all = field === 'policy' ? await policies(actor) : (field === 'label' ? labels : sources).map(toValue)
  return all.filter(holds).slice(0, MOST_FOUND)
}

const toValue = (value: string): FoundValue => ({ value })

async function namesOf(actor: PersonActor, kind: string, text: string): Promise<FoundValue[]> {
  const things = await findThings(actor, text)
  return things
    .filter((thing) => thing.kind === kind)
    .map(({ id, title, subtitle }) => ({ value: id, name: title, ...(subtitle && { hint: subtitle }) }))
}

/** A policy by its name, and the settings that an event may have fallen under. */
async function policies(actor: PersonActor): Promise<FoundValue[]> {
  const rules = POLICY_PATHS.map((path) => toValue(path.replace(/\.mode$/, '')))
  if (!actor.permissions.has('policies:read')) return rules
  const { items } = await listPolicies(actor, {})
  return [...items.map(({ id, name }) => ({ value: id, name })), ...rules]
}
