import type { ComboboxItem } from '#components/ui/combobox.tsx'
import type { PersonActor } from '#server/kernel/actor.ts'
import { listPeople } from '#server/people/queries.ts'

/** People to pick from, by name: the first 200. Everybody else is given by address. */
export async function pickablePeople(actor: PersonActor): Promise<ComboboxItem[]> {
  if (!actor.permissions.has('people:read')) return []
  const { items } = await listPeople(actor, { limit: 200 })
  return items
    .filter(({ status }) => status !== 'suspended')
    .map(({ id, name, email }) => ({ value: id, label: name, hint: email }))
}
