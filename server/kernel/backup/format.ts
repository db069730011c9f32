import 'server-only'
import { z } from 'zod'

/** The first member of an archive and its last. What lies between are parts: `STREAM/000001.zst` and so on. */
export const HEADER_NAME = 'backup.json'
export const MANIFEST_NAME = 'manifest.json'
export const FORMAT = 'gatehouse-backup/1'
/** Bytes of a part before compression. */
export const PART_BYTES = 4 * 1_048_576

/** A backup that cannot be made, or a file that is not one: shown as one line. */
export class BackupError extends Error {
  override name = 'BackupError'
}

const name = z.string().regex(/^[a-z_][a-z0-9_]*$/)

const headSchema = z.object({
  tenantId: z.uuid(),
  origin: z.string(),
  epoch: z.number().int(),
  size: z.number().int().nonnegative(),
  /** Root of the tree of that size, hex. */
  root: z.string().regex(/^[0-9a-f]{64}$/),
})

const headerSchema = z.object({
  format: z.literal(FORMAT),
  gatehouse: z.string(),
  postgres: z.string(),
  createdAt: z.iso.datetime(),
  instanceId: z.uuid(),
  /** Which master key opens what is sealed in it; the key itself is not in it. */
  masterKey: z.string().nullable(),
  migrations: z.array(z.object({ name: z.string(), checksum: z.string() })),
  /** In the order in which they can be loaded. */
  tables: z.array(z.object({ name, columns: z.array(name) })),
  leftOut: z.array(z.string()),
  /** First days of the months that the log's partitions hold. */
  months: z.array(z.iso.date()),
  logs: z.array(headSchema),
  /** Files of the log's archive: in the backup, unless they lie in a bucket. */
  archive: z
    .object({
      files: z.number().int().nonnegative(),
      bytes: z.number().int().nonnegative(),
      bucket: z.string().nullable(),
    })
    .optional(),
})

const streamSchema = z.object({
  name: z.string(),
  parts: z.number().int().nonnegative(),
  sizeBytes: z.number().int().nonnegative(),
  /** Of the bytes before compression. */
  sha256: z.string(),
  rows: z.number().int().nonnegative().optional(),
})

const manifestSchema = z.object({
  format: z.literal(FORMAT),
  /** SHA-256 of the first member. */
  header: z.string(),
  streams: z.array(streamSchema),
})

export type LogHead = z.output<typeof headSchema>
export type BackupHeader = z.output<typeof headerSchema>
export type StreamLine = z.output<typeof streamSchema>
export type Manifest = z.output<typeof manifestSchema>

/** @throws BackupError naming the field */
export function parseHeader(bytes: Uint8Array): BackupHeader {
  return parse(headerSchema, HEADER_NAME, bytes)
}

/** @throws BackupError naming the field */
export function parseManifest(bytes: Uint8Array): Manifest {
  return parse(manifestSchema, MANIFEST_NAME, bytes)
}

function parse<T>(schema: z.ZodType<T>, member: string, bytes: Uint8Array): T {
  const parsed = schema.safeParse(readJson(member, bytes))
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new BackupError(`${member} is not what this version reads: ${issue?.path.join('.')} ${issue?.message}`)
}

function readJson(member: string, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    throw new BackupError(`${member} is damaged: it is no JSON`)
  }
}
