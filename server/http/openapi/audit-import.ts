import { z } from 'zod'
import { type ImportAnswer, importInput, importMapping, importName, type MappingView } from '#server/audit/schema.ts'
import type { Operation, Sent } from './operation.ts'
import { pageOf } from './views.ts'

const count = z.int().min(0)

const answer: z.ZodType<Sent<ImportAnswer>> = z.object({
  source: z.string(),
  file: z.object({ name: z.string(), bytes: count, sha256: z.string().meta({ description: 'Hexadecimal' }) }),
  records: count,
  accepted: count,
  duplicates: count,
  rejectedCount: count,
  rejected: z
    .array(z.object({ line: count, code: z.string(), detail: z.string() }))
    .meta({ description: 'At most the first 10,000' }),
  dryRun: z.boolean(),
})

const mapping = z
  .object({
    name: z.string(),
    document: z.record(z.string(), z.unknown()).meta({ description: 'As it was saved, with its defaults' }),
    updatedAt: z.string(),
    updatedBy: z.string(),
  } satisfies Record<keyof MappingView, z.ZodType>)
  .meta({ id: 'Mapping' })

const byName = z.object({ name: importName })

export const importOperations: readonly Operation[] = [
  {
    method: 'post',
    scope: 'audit:write',
    status: 200,
    path: '/audit/imports',
    id: 'importHistory',
    summary: 'Import a file of history by a saved mapping: CSV or NDJSON as the body, of any size; harmless to repeat',
    query: importInput,
    body: { type: 'text/csv', schema: z.string() },
    answer: { schema: answer },
    problems: ['invalid', 'not_found', 'unsupported_media_type'],
  },
  {
    method: 'get',
    scope: 'audit:write',
    status: 200,
    path: '/audit/mappings',
    id: 'listMappings',
    summary: 'Saved mappings of imports',
    answer: { schema: pageOf(mapping) },
  },
  {
    method: 'get',
    scope: 'audit:write',
    status: 200,
    path: '/audit/mappings/{name}',
    id: 'getMapping',
    summary: 'One saved mapping',
    input: byName,
    answer: { schema: mapping },
    problems: ['not_found'],
  },
  {
    method: 'put',
    scope: 'audit:write',
    status: 200,
    path: '/audit/mappings/{name}',
    id: 'saveMapping',
    summary: 'Save a mapping under its name',
    input: importMapping,
    answer: { schema: byName },
    problems: ['invalid', 'conflict'],
  },
  {
    method: 'delete',
    scope: 'audit:write',
    status: 204,
    path: '/audit/mappings/{name}',
    id: 'deleteMapping',
    summary: 'Forget a mapping; what was imported by it stays',
    input: byName,
    problems: ['not_found'],
  },
]
