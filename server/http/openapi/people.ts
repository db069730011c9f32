import { z } from 'zod'
import { policyDocumentSchema } from '#protocol/policy/document.ts'
import { changePersonInput, listPeopleInput, memberInput, ROLES } from '#server/people/schema.ts'
import type { Operation } from './operation.ts'
import { pageOf, personDetail, personView, withTotal } from './views.ts'

const personInput = z.object({ personId: z.uuid() })

export const peopleOperations: readonly Operation[] = [
  {
    method: 'get',
    path: '/people',
    id: 'listPeople',
    summary: 'People of the organisation',
    scope: 'people:read',
    input: listPeopleInput,
    status: 200,
    answer: { schema: pageOf(personView, withTotal) },
  },
  {
    method: 'post',
    path: '/people',
    id: 'invitePerson',
    summary: 'Invite somebody. A key may invite members; a role with rights needs a person',
    scope: 'people:write',
    input: memberInput.extend({ role: z.enum(ROLES).default('member') }),
    status: 201,
    answer: {
      schema: z.object({
        id: z.uuid(),
        invitation: z.object({ url: z.string().meta({ description: 'Shown once' }), expiresAt: z.iso.datetime() }),
      }),
    },
    problems: ['conflict', 'person_required'],
  },
  {
    method: 'get',
    path: '/people/{personId}',
    id: 'getPerson',
    summary: 'One person',
    scope: 'people:read',
    input: personInput,
    status: 200,
    answer: { schema: personDetail },
  },
  {
    method: 'patch',
    path: '/people/{personId}',
    id: 'changePerson',
    summary: 'Change a name, suspend or resume; a role is changed by a person',
    scope: 'people:write',
    input: changePersonInput,
    status: 200,
    answer: { schema: personDetail },
    problems: ['conflict', 'lockout', 'person_required'],
  },
  {
    method: 'get',
    path: '/people/{personId}/effective-policy',
    id: 'getEffectivePolicy',
    summary: 'The policy that holds for a person; also needs policies:read',
    scope: 'people:read',
    input: personInput,
    status: 200,
    answer: {
      schema: z.object({
        personId: z.uuid(),
        policyId: z.uuid(),
        version: z.int(),
        document: policyDocumentSchema,
      }),
    },
  },
  {
    method: 'post',
    path: '/people/{personId}/reset-2fa',
    id: 'resetSecondFactor',
    summary: 'Remove a person’s second factor; a person does it',
    scope: 'people:write',
    personOnly: true,
    input: personInput,
    status: 204,
    problems: ['conflict'],
  },
  {
    method: 'post',
    path: '/people/{personId}/revoke-sessions',
    id: 'revokePersonSessions',
    summary: 'End every session of a person',
    scope: 'people:write',
    input: personInput,
    status: 200,
    answer: { schema: z.object({ revoked: z.int() }) },
  },
]
