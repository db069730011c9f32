import 'server-only'
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { type Actor, requirePermission } from '#server/kernel/actor.ts'
import { defineCommand } from '#server/kernel/command.ts'
import { readTransaction } from '#server/kernel/db.ts'
import { isAppError } from '#server/kernel/errors.ts'
import { parseInput } from '#server/kernel/fields.ts'
import { columnsOf, mapper } from './map-record.ts'
import {
  IMPORT_LIMITS,
  type ImportAnswer,
  type ImportedEvent,
  type ImportMapping,
  type ImportMappingInput,
  type ImportPreview,
  importMapping,
  importName,
  type RejectedLine,
} from './mapping.ts'
import { readFileRecords } from './read-file.ts'
import { importHash, stateImported } from './state-events.ts'
import { UnderWay } from './under-way.ts'

/**
 * Events in one batch, and batches of an organisation that are under way: what is in memory is bounded by these, whatever the files' size,
 * and an organisation that sends many files at a time keeps no other waiting.
 */
const BATCH = 1_000
const BATCH_CHARS = 2 * 1_024 * 1_024
const underWay = new UnderWay(4)

export type ImportCounts = Pick<ImportAnswer, 'records' | 'accepted' | 'duplicates' | 'rejectedCount'> & {
  bytes: number
}

export type ImportRequest = {
  file: AsyncIterable<Uint8Array>
  fileName: string
  mapping: ImportMappingInput
  /** Instead of the mapping's own name. */
  name?: string | undefined
  /** Reads and checks everything and writes nothing. */
  dryRun?: boolean | undefined
  /** After each batch. */
  onProgress?: ((counts: ImportCounts) => void) | undefined
  /** Every rejected line, also those that the answer does not show any more; the file waits for it. */
  onRejected?: ((line: RejectedLine & { text?: string | undefined }) => void | Promise<void>) | undefined
}

/**
 * Imports a file of history as `import:NAME`. Each event is durable when its batch is counted; an event whose own id came
 * before under this name is a duplicate, for ever: a run that was cut off is continued by running it again. A bad line is told
 * from the others. The dry run counts duplicates of earlier imports, not those within the file.
 * Audit: `audit.import`, `pending` when it begins, then `allowed` or `failed`, with the file's name, SHA-256 and counts.
 * @throws AppError forbidden without `audit:write` · invalid naming the mapping's field · unavailable
 */
export async function importHistory(actor: Actor, request: ImportRequest): Promise<ImportAnswer> {
  requirePermission(actor, 'audit:write')
  const mapping = mappingOf(request)
  const run = new Run(actor.tenantId, mapping, request)
  const fileName = plainName(request.fileName)
  const name = mapping.name
  const isDry = request.dryRun === true
  if (!isDry) await recordImport(actor, { name, fileName, outcome: 'pending' })
  try {
    await run.all()
  } catch (error) {
    const problem = isAppError(error) ? error.code : 'interrupted'
    if (!isDry) await recordImport(actor, { name, fileName, outcome: 'failed', problem, counts: run.counts })
    throw error
  }
  const sha256 = run.sha256()
  if (!isDry) await recordImport(actor, { name, fileName, outcome: 'allowed', sha256, counts: run.counts })
  const { bytes, ...counts } = run.counts
  return {
    source: `import:${name}`,
    file: { name: fileName, bytes, sha256 },
    ...counts,
    rejected: run.rejected,
    dryRun: isDry,
  }
}

/**
 * The first records of a file as they would be imported; writes nothing.
 * @param beginning of the file; a record that it cuts off is left out
 * @throws AppError forbidden · invalid naming the mapping's field
 */
export async function previewImport(
  actor: Actor,
  { beginning, isWhole, mapping: document }: { beginning: Uint8Array; isWhole: boolean; mapping: unknown },
): Promise<ImportPreview> {
  requirePermission(actor, 'audit:write')
  const mapping = parseInput(importMapping, document)
  const map = mapper(mapping)
  const rows: ImportPreview['rows'] = []
  for await (const record of readFileRecords(only(beginning), mapping, columnsOf(mapping))) {
    const mapped = 'code' in record ? record : map(record)
    rows.push('event' in mapped ? { line: mapped.line, ...mapped.event } : mapped)
    // One more than is shown: the last of a cut beginning may be half a record.
    if (rows.length > IMPORT_LIMITS.previewRows) break
  }
  const isCut = !isWhole && rows.length <= IMPORT_LIMITS.previewRows
  return { rows: (isCut ? rows.slice(0, -1) : rows).slice(0, IMPORT_LIMITS.previewRows) }
}

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

function mappingOf({ mapping, name }: ImportRequest): ImportMapping {
  const parsed = parseInput(importMapping, mapping)
  return name === undefined ? parsed : { ...parsed, ...parseInput(z.object({ name: importName }), { name }) }
}

/** The name without its folders, as an entry may carry it. */
function plainName(name: string): string {
  const base = name.split(/[\\/]/).at(-1) ?? ''
  return (
    base
      .toWellFormed()
      .replace(/\p{Cc}+/gu, ' ')
      .trim()
      .slice(0, 255) || 'unnamed'
  )
}

/** One pass over a file. */
class Run {
  readonly counts: ImportCounts = { records: 0, accepted: 0, duplicates: 0, rejectedCount: 0, bytes: 0 }
  readonly rejected: RejectedLine[] = []
  readonly #tenantId: string
  readonly #mapping: ImportMapping
  readonly #request: ImportRequest
  readonly #hash = createHash('sha256')
  readonly #inFlight = new Set<Promise<void>>()
  #failure: { cause: unknown } | null = null

  constructor(tenantId: string, mapping: ImportMapping, request: ImportRequest) {
    this.#tenantId = tenantId
    this.#mapping = mapping
    this.#request = request
  }

  sha256(): string {
    return this.#hash.digest('hex')
  }

  async all(): Promise<void> {
    const map = mapper(this.#mapping)
    let batch: ImportedEvent[] = []
    let chars = 0
    try {
      for await (const record of readFileRecords(this.#measured(), this.#mapping, columnsOf(this.#mapping))) {
        this.counts.records++
        const mapped = 'code' in record ? record : map(record)
        const text = 'text' in record ? record.text : undefined
        if ('event' in mapped) {
          batch.push(mapped.event)
          chars += text?.length ?? 0
        } else await this.#reject(mapped, text)
        if (batch.length < BATCH && chars < BATCH_CHARS) continue
        await this.#send(batch)
        batch = []
        chars = 0
      }
      if (batch.length > 0) await this.#send(batch)
      await Promise.all(this.#inFlight)
    } catch (error) {
      // What is under way is still counted: the log's own account is to be true.
      await Promise.allSettled(this.#inFlight)
      throw error
    }
    this.#request.onProgress?.({ ...this.counts })
  }

  async *#measured(): AsyncGenerator<Uint8Array> {
    for await (const bytes of this.#request.file) {
      this.counts.bytes += bytes.byteLength
      this.#hash.update(bytes)
      yield bytes
    }
  }

  async #reject(line: RejectedLine, text: string | undefined): Promise<void> {
    const { line: number, code, detail } = line
    this.counts.rejectedCount++
    if (this.rejected.length < IMPORT_LIMITS.rejectedShown) this.rejected.push({ line: number, code, detail })
    await this.#request.onRejected?.({ line: number, code, detail, text })
  }

  /** Waits while as many batches as may be are under way; the first failure ends the run. */
  async #send(events: ImportedEvent[]): Promise<void> {
    const { done } = await underWay.begin(this.#tenantId, async () => {
      // Of what failed while this one waited nothing more is sent.
      if (this.#failure) throw this.#failure.cause
      return this.#state(events)
    })
    const sent = done.then(({ accepted, duplicates }) => {
      this.counts.accepted += accepted
      this.counts.duplicates += duplicates
      this.#inFlight.delete(sent)
      this.#request.onProgress?.({ ...this.counts })
    })
    // Heard before the next is sent, or at the end.
    sent.catch((cause: unknown) => {
      this.#failure ??= { cause }
    })
    this.#inFlight.add(sent)
    if (this.#failure) throw this.#failure.cause
  }

  async #state(events: ImportedEvent[]): Promise<{ accepted: number; duplicates: number }> {
    const { name } = this.#mapping
    if (!this.#request.dryRun) return stateImported({ tenantId: this.#tenantId, size: events.length, name, events })
    const hashes = [...new Set(events.map(({ id }) => importHash(name, id)))]
    const [known] = await readTransaction(this.#tenantId, ({ sql }) =>
      sql<{ count: number }>(
        `SELECT count(*)::integer AS count FROM audit_import_event
          WHERE tenant_id = $1::uuid AND id_hash IN (SELECT decode(h, 'hex') FROM unnest(string_to_array($2::text, ',')) AS h)`,
        [this.#tenantId, hashes.join(',')],
      ),
    )
    const accepted = hashes.length - (known?.count ?? 0)
    return { accepted, duplicates: events.length - accepted }
  }
}

const recordImport = defineCommand({
  action: 'audit.import',
  permission: 'audit:write',
  risk: 'none',
  input: z.object({
    name: importName,
    fileName: z.string(),
    outcome: z.enum(['pending', 'allowed', 'failed']),
    sha256: z.string().optional(),
    problem: z.string().optional(),
    counts: z
      .object({
        records: z.number(),
        accepted: z.number(),
        duplicates: z.number(),
        rejectedCount: z.number(),
        bytes: z.number(),
      })
      .optional(),
  }),
  execute: async ({ input: { name, fileName, outcome, sha256, problem, counts } }) => ({
    result: null,
    audit: {
      action: 'audit.import',
      outcome,
      detail: {
        source: `import:${name}`,
        file: fileName,
        ...(sha256 === undefined ? {} : { sha256 }),
        ...(problem === undefined ? {} : { problem }),
        ...(counts && {
          bytes: String(counts.bytes),
          records: String(counts.records),
          accepted: String(counts.accepted),
          duplicates: String(counts.duplicates),
          rejected: String(counts.rejectedCount),
        }),
      },
    },
  }),
})
