import { z } from 'zod'
import type { JumpItem } from '#components/shell/use-jump-search.ts'
import { isUuid } from '#lib/uuid.ts'
import { getFile, listFiles } from '#server/content/queries.ts'
import { getDevice, listDevices } from '#server/devices/queries.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import { isAppError } from '#server/kernel/errors.ts'
import { parseInput, textField } from '#server/kernel/fields.ts'
import type { Permission } from '#server/kernel/permissions.ts'
import { getPerson, listPeople } from '#server/people/queries.ts'

const OF_EACH = 5
const input = z.object({ q: textField({ min: 0, max: 100 }) })

type Kind = { needs: Permission; search: Look; byId: Look }
type Look = (actor: PersonActor, text: string) => Promise<JumpItem[]>

const person = ({ id, name, email }: { id: string; name: string; email: string }): JumpItem => ({
  kind: 'person',
  id,
  title: name,
  subtitle: email,
  href: `/people/${id}`,
})
const device = ({ id, name, person }: { id: string; name: string; person: { name: string } }): JumpItem => ({
  kind: 'device',
  id,
  title: name,
  subtitle: person.name,
  href: `/devices/${id}`,
})
const file = ({ id, name }: { id: string; name: string }): JumpItem => ({
  kind: 'file',
  id,
  title: name,
  href: `/files/${id}`,
})

// Each list walks an index in its order and stops at five: person_name, device_presence_seen, file_created.
const KINDS: readonly Kind[] = [
  {
    needs: 'people:read',
    search: async (actor, q) => (await listPeople(actor, { q, limit: OF_EACH })).items.map(person),
    byId: async (actor, id) => [person(await getPerson(actor, { id }))],
  },
  {
    needs: 'devices:read',
    search: async (actor, q) => (await listDevices(actor, { q, limit: OF_EACH })).items.map(device),
    byId: async (actor, id) => [device(await getDevice(actor, { deviceId: id }))],
  },
  {
    needs: 'content:read',
    search: async (actor, q) => (await listFiles(actor, { q, limit: OF_EACH })).items.map(file),
    byId: async (actor, id) => [file(await getFile(actor, { fileId: id }))],
  },
]

/** The first few people, devices and files of that name, address or id, of the kinds this person may see. @throws AppError invalid naming `q` */
export async function findThings(actor: PersonActor, text: string): Promise<JumpItem[]> {
  const { q } = parseInput(input, { q: text })
  if (q === '') return []
  const kinds = KINDS.filter(({ needs }) => actor.permissions.has(needs))
  const found = await Promise.all(
    kinds.map(({ search, byId }) => (isUuid(q) ? byId(actor, q).catch(nothingIfMissing) : search(actor, q))),
  )
  return found.flat()
}

/** An id belongs to one kind at most; that the others have none is no failure. */
function nothingIfMissing(error: unknown): JumpItem[] {
  if (isAppError(error) && error.code === 'not_found') return []
  throw error
}
