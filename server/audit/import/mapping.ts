import { z } from 'zod'
import { isTimeFormat, isZone } from './times.ts'

/** Most of one record of a file, in bytes, and of the rejected lines that an answer names. */
export const IMPORT_LIMITS = { lineBytes: 32 * 1024, rejectedShown: 10_000, previewRows: 20 } as const

const NAME = /^[\p{Ll}\p{Lo}\p{N}](?:[\p{Ll}\p{Lo}\p{M}\p{N} ._-]{0,62}[\p{Ll}\p{Lo}\p{M}\p{N}])?$/u

/** The NAME of `import:NAME`. Lower case in NFC: no two names differ in spelling alone. */
export const importName = z
  .string()
  .refine(
    (name) => NAME.test(name) && name.normalize('NFC') === name,
    'must be 1 to 64 lower-case letters, digits, spaces, . _ -',
  )

const place = z.string().min(1, 'is empty').max(200, 'may have at most 200 characters')
const text = z.string().max(1_000, 'may have at most 1000 characters')
const values = z.record(z.string().max(200), text)

/** Where a value comes from: a column or a JSON path, what its values mean here, and what to take when it is absent from them. */
const source = z.union([
  place.transform((from) => ({ from })),
  z.strictObject({ from: place, values: values.optional(), otherwise: text.optional() }),
  z.strictObject({ constant: text }),
])

/** `{from}` is a column of the CSV's header (1, 2, … without a header), or a path like `actor.emails[0]` or `/a~1b` in NDJSON. */
export type Source = z.output<typeof source>

/** Which column of a file says what: the document that `gatehouse audit import --mapping` and the page read. */
export const importMapping = z
  .strictObject({
    name: importName,
    format: z.enum(['csv', 'ndjson'], 'must be csv or ndjson'),
    csv: z
      .strictObject({
        delimiter: z.enum([',', ';', '\t', '|'], 'must be , ; | or a tab').default(','),
        header: z.boolean().default(true),
      })
      .default({ delimiter: ',', header: true }),
    encoding: z.enum(['utf-8', 'utf-16le', 'windows-1252', 'gb18030']).default('utf-8'),
    /** The event's own id; `{hashOf: "line"}` where the file has none: equal lines then count once. */
    id: z.union([z.strictObject({ hashOf: z.literal('line') }), source]),
    occurredAt: z.strictObject({
      from: place,
      format: z
        .string()
        .refine(isTimeFormat, 'must be rfc3339, unix, unix_ms or a pattern like yyyy-MM-dd HH:mm:ss')
        .default('rfc3339'),
      /** For times that do not say theirs. */
      zone: z.string().refine(isZone, 'must be a zone like Europe/Berlin or +02:00').default('UTC'),
    }),
    action: source,
    outcome: source.optional(),
    actor: z
      .strictObject({ id: source.optional(), email: source.optional(), name: source.optional() })
      .refine(isNotEmpty, 'needs id, email or name')
      .optional(),
    device: z
      .strictObject({ id: source.optional(), serial: source.optional(), name: source.optional() })
      .refine(isNotEmpty, 'needs id, serial or name')
      .optional(),
    target: z
      .strictObject({ type: source, id: source.optional(), name: source.optional() })
      .refine(({ id, name }) => id !== undefined || name !== undefined, 'needs id or name')
      .optional(),
    labels: z.strictObject({ of: source, separator: z.string().min(1).max(4).default(',') }).optional(),
    address: source.optional(),
    reason: source.optional(),
    detail: z
      .record(z.string().regex(/^[a-zA-Z][a-zA-Z0-9_]{0,63}$/, 'names must be letters, digits and underscores'), source)
      .refine((detail) => Object.keys(detail).length <= 64, 'may have at most 64 members')
      .optional(),
  })
  .meta({ title: 'Mapping of a file of history' })

export type ImportMappingInput = z.input<typeof importMapping>
/** A parsed mapping. */
export type ImportMapping = z.output<typeof importMapping>

function isNotEmpty(record: object): boolean {
  return Object.values(record).some((value) => value !== undefined)
}

/** What `POST /audit/imports` is asked, beside the file itself. */
export const importInput = z.strictObject({
  /** A saved mapping. */
  mapping: importName,
  /** Instead of the mapping's own name: the source is `import:NAME`. */
  name: importName.optional(),
  fileName: z.string().max(1_000).default('upload'),
  /** Reads and checks everything and writes nothing. */
  dryRun: z.stringbool().default(false),
})

/** A saved mapping. */
export type MappingView = { name: string; document: ImportMappingInput; updatedAt: string; updatedBy: string }

export type RejectedLine = { line: number; code: string; detail: string }

/** What became of a file. `rejected` names the first of them, `rejectedCount` counts all. */
export type ImportAnswer = {
  source: string
  file: { name: string; bytes: number; sha256: string }
  /** Records that were read. */
  records: number
  accepted: number
  duplicates: number
  rejectedCount: number
  rejected: RejectedLine[]
  dryRun: boolean
}

/** A record as it would be stated; the preview shows these. */
export type ImportedEvent = {
  id: string
  at: Date
  action: string
  outcome: 'allowed' | 'denied' | 'pending' | 'failed'
  actor?: { id?: string | undefined; email?: string | undefined; name?: string | undefined } | undefined
  device?: { id?: string | undefined; serial?: string | undefined; name?: string | undefined } | undefined
  target?: { type: string; id?: string | undefined; name?: string | undefined } | undefined
  labels: string[]
  address?: string | undefined
  reason?: string | undefined
  detail: Record<string, string>
}

/** The beginning of a file as it would be imported. */
export type ImportPreview = { rows: ({ line: number } & (ImportedEvent | { code: string; detail: string }))[] }
