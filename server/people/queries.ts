import { z } from 'zod'
import { base64urlDecode, base64urlEncode, utf8Decode, utf8Encode } from '#lib/bytes.ts'
import { parseBearer } from '#server/kernel/bearer.ts'
import { now } from '#server/kernel/clock.ts'
import { readTransaction, type Tx } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { emailHmac } from '#server/kernel/keys.ts'
import { defineQuery } from '#server/kernel/query.ts'
import { findLink, type LinkPurpose, linkGone, type OpenLink } from './links.ts'
import { PERSON_COLUMNS, toView } from './rules.ts'
import {
  type InvitationView,
  type ListPeople,
  listPeopleInput,
  type PersonPage,
  type PersonView,
  personRef,
} from './schema.ts'

export type { OpenLink }

const COUNT_CAP = 2_000

/** Sort key → the expression of its index (person_name, person_email_lower, and the primary key: ids are ordered by time). */
const SORTS = { name: 'lower(name)', email: 'lower(email)', created: 'id::text' } as const

const COLUMNS = `id::text, email, name, role, status, founder, created_at AS "createdAt", suspended_at AS "suspendedAt"`

/** A page of people, filtered and ordered by the server. Index: person_name or person_email_lower, walked in order. */
export const listPeople = defineQuery({
  name: 'person.list',
  permission: 'people:read',
  input: listPeopleInput,
  run: async ({ sql, tenantId, input }): Promise<PersonPage> => {
    const { where, values } = filterOf(tenantId, input)
    const [counted] = await sql<{ count: number }>(
      `SELECT count(*)::int AS count FROM (SELECT 1 FROM person WHERE ${where} LIMIT ${COUNT_CAP + 1}) AS counted`,
      values,
    )
    const page = pageOf(input, values.length)
    const rows = await sql<PersonView & { key: string }>(
      `SELECT ${COLUMNS}, ${page.key} AS key FROM person WHERE ${where} ${page.after} ORDER BY ${page.key} ${page.direction}, id ${page.direction} LIMIT ${input.limit + 1}`,
      [...values, ...page.values],
    )
    const items = rows.slice(0, input.limit)
    const last = items.at(-1)
    const count = counted?.count ?? 0
    return {
      items: items.map(({ key: _, ...person }) => toView(person)),
      nextCursor: rows.length > input.limit && last ? cursorOf(last.key, last.id) : null,
      total: { value: Math.min(count, COUNT_CAP), capped: count > COUNT_CAP },
    }
  },
})

function filterOf(tenantId: string, { q, status, role }: ListPeople): { where: string; values: string[] } {
  const values = [tenantId]
  const parts = ['tenant_id = $1::uuid']
  const add = (value: string | undefined, part: (parameter: string) => string) => {
    if (value) parts.push(part(`$${values.push(value)}::text`))
  }
  add(status, (p) => `status = ${p}`)
  add(role, (p) => `role = ${p}`)
  add(q?.toLowerCase(), (p) => `(position(${p} in lower(name)) > 0 OR position(${p} in lower(email)) > 0)`)
  return { where: parts.join(' AND '), values }
}

function pageOf({ sort, cursor }: ListPeople, taken: number) {
  const descending = sort.startsWith('-')
  // The schema's list of sorts holds nothing else.
  const key = SORTS[sort.replace('-', '') as keyof typeof SORTS]
  const direction = descending ? 'DESC' : 'ASC'
  if (!cursor) return { key, direction, after: '', values: [] }
  const after = `AND (${key}, id) ${descending ? '<' : '>'} ($${taken + 1}::text, $${taken + 2}::uuid)`
  return { key, direction, after, values: parseCursor(cursor) }
}

function cursorOf(key: string, id: string): string {
  return base64urlEncode(utf8Encode(JSON.stringify([key, id])))
}

const cursorParts = z.tuple([
  z
    .string()
    .max(300)
    .refine((key) => !key.includes('\0')),
  z.uuid(),
])

function parseCursor(cursor: string): [string, string] {
  try {
    return cursorParts.parse(JSON.parse(utf8Decode(base64urlDecode(cursor))))
  } catch {
    throw new AppError('invalid', { detail: 'cursor: is not one of ours', fields: { cursor: 'is not one of ours' } })
  }
}

/** One person. @throws AppError not_found, also for somebody of another organisation */
export const getPerson = defineQuery({
  name: 'person.get',
  permission: 'people:read',
  input: personRef,
  run: async ({ tx, tenantId, input, now: at }): Promise<PersonView & { invitation: InvitationView | null }> => {
    const row = await tx.person.findFirst({ where: { tenantId, id: input.id }, select: PERSON_COLUMNS })
    if (!row) throw new AppError('not_found', { detail: 'There is no such person.' })
    const invitation = await tx.personLink.findFirst({
      where: { tenantId, personId: input.id, purpose: 'invitation', usedAt: null, expiresAt: { gt: at } },
      select: { id: true, createdAt: true, expiresAt: true },
    })
    return { ...toView(row), invitation }
  },
})

/** How many people there are, for the navigation and the overview. */
export const countPeople = defineQuery({
  name: 'person.count',
  permission: 'people:read',
  input: z.object({}),
  run: async ({ tx, tenantId }): Promise<{ active: number; invited: number; suspended: number }> => {
    const rows = await tx.person.groupBy({ by: ['status'], where: { tenantId }, _count: true })
    const of = (status: string) => rows.find((row) => row.status === status)?._count ?? 0
    return { active: of('active'), invited: of('invited'), suspended: of('suspended') }
  },
})

/** The person with this address in the organisation of the transaction; for commands of later domains that name people by address. */
export async function findPersonByEmail(tx: Tx, tenantId: string, email: string): Promise<PersonView | null> {
  const row = await tx.person.findFirst({
    where: { tenantId, email: email.trim().toLowerCase() },
    select: PERSON_COLUMNS,
  })
  return row && toView(row)
}

/** The person in the organisation of the transaction; for commands of later domains. */
export async function findPerson(tx: Tx, tenantId: string, id: string): Promise<PersonView | null> {
  const row = await tx.person.findFirst({ where: { tenantId, id }, select: PERSON_COLUMNS })
  return row && toView(row)
}

/** What the page of a one-time link shows, before anybody is signed in. @throws AppError gone */
export async function readLink(token: string, purpose: LinkPurpose): Promise<OpenLink> {
  const tenantId = parseBearer('gi', token)?.tenantId
  if (!tenantId) throw linkGone()
  return readTransaction(tenantId, ({ tx }) => findLink(tx, token, purpose, now()))
}

/** Where an address may sign in, at most eight organisations. For the sign-in alone: it is asked before anybody is known. */
export async function lookUpLogins(email: string): Promise<{ tenantId: string; personId: string }[]> {
  return readTransaction(null, ({ tx }) =>
    tx.loginDirectory.findMany({
      where: { emailHmac: new Uint8Array(emailHmac(email)) },
      select: { tenantId: true, personId: true },
      orderBy: { tenantId: 'asc' },
      take: 8,
    }),
  )
}
