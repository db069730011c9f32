import { z } from 'zod'
import type { Operation } from './operation.ts'

const read = { method: 'get', scope: 'audit:read', status: 200 } as const

/** The log's checkpoints as files, beside what the gateway serves below `/log/`. */
export const checkpointOperations: readonly Operation[] = [
  {
    ...read,
    path: '/audit/checkpoint',
    id: 'getCheckpoint',
    summary: 'The newest signed checkpoint with its cosignatures (C2SP tlog-checkpoint)',
    answer: { schema: z.string(), type: 'text/plain' },
    problems: ['not_found'],
  },
  {
    ...read,
    path: '/audit/checkpoints',
    id: 'listCheckpoints',
    summary: 'Every checkpoint of an epoch as it stands outside of the database: NDJSON, oldest first',
    input: z.object({ epoch: z.coerce.number().int().min(1).max(999_999).optional() }),
    answer: {
      schema: z.object({ size: z.int().min(1), note: z.string(), signedAt: z.string() }),
      type: 'application/x-ndjson',
    },
    problems: ['not_found'],
  },
]
