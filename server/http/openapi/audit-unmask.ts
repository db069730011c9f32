import { z } from 'zod'
import { type Unmasked, unmaskInput } from '#server/audit/schema.ts'
import type { Operation, Sent } from './operation.ts'

const unmasked: z.ZodType<Sent<Unmasked>> = z.object({
  id: z.uuid(),
  until: z.string().meta({ description: 'RFC 3339, UTC, with milliseconds: names are shown to this key until then' }),
})

export const auditUnmaskOperations: readonly Operation[] = [
  {
    method: 'post',
    scope: 'audit:unmask',
    status: 201,
    path: '/audit/unmaskings',
    id: 'unmaskNames',
    summary: 'Show names for 30 minutes, of one person or of everybody, for a reason that they can read',
    input: unmaskInput,
    answer: { schema: unmasked },
    problems: ['invalid', 'not_found', 'conflict'],
  },
  {
    method: 'delete',
    scope: 'audit:unmask',
    status: 204,
    path: '/audit/unmaskings',
    id: 'hideNames',
    summary: 'Hide names again',
    problems: ['conflict'],
  },
]
