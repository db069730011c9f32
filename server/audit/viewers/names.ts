import 'server-only'
import { isUuid } from '#lib/uuid.ts'
import type { Sql } from '#server/kernel/db.ts'
import { mergeRows, type Row, type Tally } from './tally.ts'

type Person = { id: string; name: string; email: string }

/**
 * Gives every row the name of today, and one row to one person: what another system only called by an address, and what was
 * refused to a device, belongs to the person behind it. Indexes: the primary keys, person_email_lower.
 */
export async function nameRows(sql: Sql, tenantId: string, tally: Tally): Promise<void> {
  await giveDevicesTheirPeople(sql, tenantId, tally)
  const ids = [...tally.rows.values()].flatMap(({ who }) => (who.kind === 'person' && who.id ? [who.id] : []))
  const emails = [...tally.rows.values()].flatMap(({ who }) => (!who.id && who.email ? [who.email.toLowerCase()] : []))
  const people = await sql<Person>(
    `SELECT id::text, name, email FROM person WHERE tenant_id = $1::uuid
        AND (id = ANY($2::text[]::uuid[]) OR lower(email) = ANY($3::text[]))`,
    [tenantId, ids.filter(isUuid), emails],
  )
  const byId = new Map(people.map((person) => [person.id, person]))
  const byEmail = new Map(people.map((person) => [person.email.toLowerCase(), person]))
  for (const row of [...tally.rows.values()]) {
    const { id, email, kind } = row.who
    const person = kind === 'person' && id ? byId.get(id) : !id && email ? byEmail.get(email.toLowerCase()) : undefined
    if (person) belong(tally, row, person)
  }
  await nameDevices(sql, tenantId, tally)
}

function belong({ rows }: Tally, row: Row, { id, name, email }: Person): void {
  const own = rows.get(`person:${id}`)
  const who = { kind: 'person' as const, id, name, email }
  if (own && own !== row) {
    mergeRows(own, row)
    rows.delete(row.key)
  } else if (!own) {
    rows.delete(row.key)
    rows.set(`person:${id}`, Object.assign(row, { key: `person:${id}` }))
  }
  const kept = own ?? row
  kept.who = who
}

/** Refused to a device that was never handed anything: its person of today is the best that is known. */
async function giveDevicesTheirPeople(sql: Sql, tenantId: string, tally: Tally): Promise<void> {
  const rows = [...tally.rows.values()].filter(({ who }) => who.kind === 'device' && who.id)
  if (rows.length === 0) return
  const found = await sql<{ id: string; personId: string }>(
    'SELECT id::text, person_id::text AS "personId" FROM device WHERE tenant_id = $1::uuid AND id = ANY($2::text[]::uuid[])',
    [tenantId, rows.map(({ who }) => who.id ?? '').filter(isUuid)],
  )
  const people = new Map(found.map(({ id, personId }) => [id, personId]))
  for (const row of rows) {
    const personId = people.get(row.who.id ?? '')
    if (personId) belong(tally, row, { id: personId, name: '', email: '' })
  }
}

async function nameDevices(sql: Sql, tenantId: string, { rows }: Tally): Promise<void> {
  const ids = [...new Set([...rows.values()].flatMap(({ devices }) => [...devices.keys()]))]
  if (ids.length === 0) return
  const found = await sql<{ id: string; name: string }>(
    'SELECT id::text, name FROM device WHERE tenant_id = $1::uuid AND id = ANY($2::text[]::uuid[])',
    [tenantId, ids.filter(isUuid)],
  )
  const names = new Map(found.map(({ id, name }) => [id, name]))
  for (const { devices } of rows.values())
    for (const device of devices.values()) device.name = names.get(device.id) ?? device.name
}
