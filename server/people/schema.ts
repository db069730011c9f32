import { z } from 'zod'
import { emailField, pageFields, textField, uuidField } from '#server/kernel/fields.ts'
import { type Permission, ROLE_PERMISSIONS, ROLES, type Role } from '#server/kernel/permissions.ts'

export { ROLES, type Role }

export const PERSON_STATUSES = ['invited', 'active', 'suspended'] as const
export type PersonStatus = (typeof PERSON_STATUSES)[number]

export const personName = textField({ max: 120 })
export const INVITATION_DAYS = 7
export const RESET_HOURS = 24

export const personRef = z.object({ id: uuidField() })
export const memberInput = z.object({
  email: emailField(),
  name: personName,
  role: z.literal('member').default('member'),
})
export const staffInput = z.object({
  email: emailField(),
  name: personName,
  role: z.enum(['owner', 'admin', 'compliance']),
})
export const updatePersonInput = z.object({ id: uuidField(), name: personName })
export const changeRoleInput = z.object({ id: uuidField(), role: z.enum(ROLES) })
/** A change of a person from outside, one member at a time: each is a command of its own. */
export const changePersonInput = z
  .strictObject({
    personId: uuidField(),
    name: personName.optional(),
    role: z.enum(ROLES).optional(),
    status: z.enum(['active', 'suspended']).optional(),
  })
  .refine(({ name, role, status }) => [name, role, status].filter((value) => value !== undefined).length === 1, {
    path: ['name'],
    message: 'give one of name, role and status',
  })

export const PERSON_SORTS = ['name', '-name', 'email', '-email', 'created', '-created'] as const
export const listPeopleInput = z.object({
  q: textField({ min: 0, max: 200 }).optional(),
  status: z.enum(PERSON_STATUSES).optional(),
  role: z.enum(ROLES).optional(),
  sort: z.enum(PERSON_SORTS).default('name'),
  ...pageFields,
})
export type ListPeople = z.output<typeof listPeopleInput>

/** A person as lists and the API show them. */
export type PersonView = {
  id: string
  email: string
  name: string
  role: Role
  status: PersonStatus
  founder: boolean
  createdAt: Date
  suspendedAt: Date | null
}

export type PersonPage = { items: PersonView[]; nextCursor: string | null; total: { value: number; capped: boolean } }

/** An open invitation, without its token: only its hash is kept. */
export type InvitationView = { id: string; createdAt: Date; expiresAt: Date }

/** Who asks: what the predicates need of an actor, and may be sent to the browser. */
export type Asker = { personId: string | null; permissions: readonly Permission[] }

/** Why a person cannot be acted on; keys of messages `people.reason`. */
export type PersonRefusal =
  | 'needsPermission'
  | 'outranks'
  | 'self'
  | 'suspended'
  | 'notSuspended'
  | 'notInvited'
  | 'founder'

type Verdict = true | PersonRefusal

/** Nobody hands out, takes away or acts on a role that can do more than they can themselves. */
export function roleWithin(role: Role, permissions: readonly Permission[]): boolean {
  return ROLE_PERMISSIONS[role].every((permission) => permissions.includes(permission))
}

function mayTouch(person: Pick<PersonView, 'role'>, asker: Asker): Verdict {
  if (!asker.permissions.includes('people:write')) return 'needsPermission'
  return roleWithin(person.role, asker.permissions) ? true : 'outranks'
}

/** What may be done with a person: `true`, or the reason why not. The commands ask the same. */
export const personCan = {
  update: (person: PersonView, asker: Asker): Verdict => mayTouch(person, asker),
  changeRole: (person: PersonView, asker: Asker): Verdict =>
    person.id === asker.personId ? 'self' : mayTouch(person, asker),
  suspend: (person: PersonView, asker: Asker): Verdict => {
    if (person.id === asker.personId) return 'self'
    return person.status === 'suspended' ? 'suspended' : mayTouch(person, asker)
  },
  resume: (person: PersonView, asker: Asker): Verdict =>
    person.status === 'suspended' ? mayTouch(person, asker) : 'notSuspended',
  invite: (person: PersonView, asker: Asker): Verdict =>
    person.status === 'invited' ? mayTouch(person, asker) : 'notInvited',
} as const
