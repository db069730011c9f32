import { z } from 'zod'
import { BUNDLE_FORMATS } from '#protocol/audit/bundle.ts'
import { EXPORT_STATES, type ExportView, exportIdInput, exportInput } from '#server/exports/schema.ts'
import { pageFields } from '#server/kernel/fields.ts'
import type { Operation, Sent } from './operation.ts'
import { pageOf } from './views.ts'

const count = z.int().min(0)
const time = z.iso.datetime({ precision: 3 }).meta({ description: 'RFC 3339, UTC, with milliseconds' })

const exportView: z.ZodType<Sent<ExportView>> = z
  .object({
    id: z.uuid(),
    state: z.enum(EXPORT_STATES),
    q: z.string(),
    from: time.nullable(),
    to: time.nullable(),
    format: z.enum(BUNDLE_FORMATS),
    timeZone: z.string(),
    asOf: count.meta({ description: 'Only the first so many entries of the log are looked at' }),
    masked: z.boolean().meta({ description: 'Names are pseudonyms, entries are left out' }),
    isShown: z
      .boolean()
      .meta({ description: 'Whether it can be downloaded now: with names only while they are shown to the key' }),
    createdAt: time,
    finishedAt: time.nullable(),
    expiresAt: time.nullable(),
    progress: z.number().min(0).max(1).meta({ description: 'How much of the log was looked through' }),
    events: count,
    parts: z
      .array(
        z.object({
          name: z.string(),
          events: count,
          sizeBytes: count,
          sha256: z.string().meta({ description: 'Base64' }),
        }),
      )
      .meta({ description: 'Written so far; empty in the list' }),
    sizeBytes: count.nullable().meta({ description: 'Of the whole bundle, once it is ready' }),
    checkpointSize: count.nullable().meta({ description: 'The signed tree that it is proven in' }),
    problem: z
      .object({ code: z.enum(['entry_altered', 'not_signed', 'too_large', 'failed']), index: count.nullable() })
      .nullable(),
  })
  .meta({ id: 'Export' })

export const exportOperations: readonly Operation[] = [
  {
    method: 'get',
    scope: 'audit:export',
    status: 200,
    path: '/audit/exports',
    id: 'listExports',
    summary: 'Exports that this key asked for, newest first',
    input: z.object(pageFields),
    answer: { schema: pageOf(exportView) },
    problems: ['invalid'],
  },
  {
    method: 'post',
    scope: 'audit:export',
    status: 202,
    path: '/audit/exports',
    id: 'requestExport',
    summary: 'Export everything that matches as a sealed bundle, made in the background',
    input: exportInput,
    answer: { schema: exportView },
    problems: ['invalid', 'query_invalid', 'idempotency_conflict'],
  },
  {
    method: 'get',
    scope: 'audit:export',
    status: 200,
    path: '/audit/exports/{exportId}',
    id: 'getExport',
    summary: 'How far an export is, and its parts',
    input: exportIdInput,
    answer: { schema: exportView },
    problems: ['not_found'],
  },
  {
    method: 'post',
    scope: 'audit:export',
    status: 204,
    path: '/audit/exports/{exportId}/cancel',
    id: 'cancelExport',
    summary: 'Stop an export that is not ready',
    input: exportIdInput,
    problems: ['not_found', 'conflict'],
  },
  {
    method: 'get',
    scope: 'audit:export',
    status: 200,
    path: '/audit/exports/{exportId}/download',
    id: 'downloadExport',
    summary: 'The sealed bundle, a ZIP file; ranges are answered with 206',
    input: exportIdInput,
    headers: z.object({ Range: z.string().optional(), 'If-Range': z.string().optional() }),
    answerHeaders: { 'Accept-Ranges': 'bytes', ETag: 'Never changes' },
    answer: { schema: z.string(), type: 'application/zip' },
    problems: ['forbidden', 'not_found', 'conflict', 'gone'],
  },
]
