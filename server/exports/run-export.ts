import 'server-only'
import type { BundleAbout } from '#protocol/audit/bundle.ts'
import {
  type BlockRow,
  type BundleStore,
  ExportRows,
  eachMatchAsStored,
  isAlteredEntry,
  type MatchesPlace,
  maskRow,
  type PartWriter,
  partWriter,
  readingAhead,
  recordExported,
  sealFiles,
  shownIn,
  sumDays,
  viewEvent,
  zipSize,
} from '#server/audit/jobs.ts'
import { workingAlone } from '#server/kernel/alone.ts'
import { now } from '#server/kernel/clock.ts'
import { pgTransaction } from '#server/kernel/db.ts'
import { isAppError } from '#server/kernel/errors.ts'
import { createLog } from '#server/kernel/log.ts'
import { exportStore } from './files.ts'
import { type ExportAsk, insertPart, readExport, readParts, type StoredPart } from './rows.ts'
import { beginRun, beginSealing, endRun, isCancelled, reportProgress } from './run-state.ts'
import { EXPORT_LIFETIME_DAYS, type ExportProblem } from './schema.ts'
import { type ExportSpace, ExportTooLarge, exportSpace, makeRoom, requireFit } from './space.ts'

/**
 * Events of one part. A worker that is killed loses the part it was writing, a second of work; and a part fits into any
 * spreadsheet.
 */
export const PART_EVENTS = 100_000

export type RunOptions = {
  partEvents?: number
  /** As it is set, unless given. */
  space?: ExportSpace
  /** Called between the steps; the tests die there. */
  step?: (name: string) => void
  /** The process ends: nothing more is begun. */
  signal?: AbortSignal
}

const log = createLog('exports')
const DAY_MS = 86_400_000

/**
 * Makes an export, or goes on with one that was interrupted: parts that were recorded stay, the one that was being written begins
 * again, and gives the same bytes. Several at once for one export: all but one have nothing to do.
 */
export async function runExport(tenantId: string, id: string, options: RunOptions = {}): Promise<void> {
  await workingAlone(`export.${id}`, async () => {
    const store = exportStore(tenantId, id)
    try {
      await makeExport(tenantId, id, store, options)
    } catch (error) {
      const problem = problemOf(error)
      if (!problem) throw error
      log.error({ err: error, tenantId, exportId: id }, 'an export failed')
      store.remove()
      await endRun(tenantId, id, { state: 'failed', problem })
    }
  })
}

async function makeExport(tenantId: string, id: string, store: BundleStore, options: RunOptions): Promise<void> {
  const { signal, step = () => {} } = options
  const { ask, view } = await pgTransaction('reader', tenantId, (_client, sql) =>
    readExport(sql, tenantId, id, 'anyone'),
  )
  if (view.state === 'cancelled') {
    store.remove()
    return endRun(tenantId, id, { state: 'cancelled' })
  }
  if (view.state === 'ready' || view.state === 'failed' || view.state === 'expired') return
  await beginRun(tenantId, id)
  step('begun')
  const parts = await writeParts({ tenantId, id, ask, store, options })
  if (!parts) {
    store.remove()
    return endRun(tenantId, id, { state: 'cancelled' })
  }
  await beginSealing(tenantId, id)
  step('sealing')
  const { members, checkpointSize } = await sealFiles(tenantId, store, {
    kind: 'export',
    about: aboutOf(ask),
    format: ask.format,
    asOf: ask.asOf,
    masked: ask.masked,
    days: sumDays(parts),
    parts,
    leaves: parts.map(({ leaves }) => leaves),
    files: [],
    signal,
  })
  step('sealed')
  if (await isCancelled(tenantId, id)) {
    store.remove()
    return endRun(tenantId, id, { state: 'cancelled' })
  }
  const sizeBytes = zipSize(members)
  await makeRoom(tenantId, sizeBytes, options.space ?? exportSpace())
  await endRun(tenantId, id, {
    state: 'ready',
    members,
    sizeBytes,
    checkpointSize,
    expiresAt: new Date(now().getTime() + EXPORT_LIFETIME_DAYS * DAY_MS),
  })
}

function aboutOf({ q, from, to, timeZone }: ExportAsk): BundleAbout {
  return { q, ...(from !== undefined && { from }), ...(to !== undefined && { to }), timeZone }
}

type Making = { tenantId: string; id: string; ask: ExportAsk; store: BundleStore; options: RunOptions }

/** All parts, those of an earlier run included; null when somebody cancelled it. */
async function writeParts({ tenantId, id, ask, store, options }: Making): Promise<StoredPart[] | null> {
  const { partEvents = PART_EVENTS, signal, step = () => {} } = options
  const parts = await pgTransaction('reader', tenantId, (_client, sql) => readParts(sql, tenantId, id))
  const mask = ask.masked ? await maskRow(tenantId) : null
  const made = new ExportRows({ format: ask.format, timeZone: ask.timeZone, mask })
  let events = parts.reduce((sum, part) => sum + part.events.count, 0)
  let place: MatchesPlace | undefined = parts.at(-1)?.place
  let writer: PartWriter | null = null
  const named = new Set<string>()
  const record = async (open: PartWriter, isLast: boolean) => {
    const written = await open.finish()
    writer = null
    step('part written')
    // Before the part counts: a run that dies here does it again, and everybody has one entry.
    if (ask.shownUnder) await recordExported(tenantId, ask.shownUnder, named)
    named.clear()
    // If we die before the row is committed, the next run writes the same bytes again.
    const part = { ...written, place: place ?? { after: null, time: 0 }, isLast }
    await pgTransaction('writer', tenantId, (_client, sql) =>
      insertPart(sql, tenantId, { id, number: parts.length + 1, part }),
    )
    parts.push(part)
    step('part recorded')
    requireFit(
      parts.reduce((sum, { stored }) => sum + stored.sizeBytes, 0),
      options.space ?? exportSpace(),
    )
  }
  if (parts.at(-1)?.isLast) return parts
  try {
    const { matching: q, from, to, asOf } = ask
    const pages = eachMatchAsStored(tenantId, { q, from, to, asOf, fetchMs: Number.POSITIVE_INFINITY }, place)
    for await (const { rows, at } of readingAhead(pages)) {
      for (let first = 0; first < rows.count; ) {
        writer ??= await partWriter(store, parts.length + 1, made)
        const end = Math.min(rows.count, first + partEvents - writer.count)
        await writer.add(rows, first, end)
        if (ask.shownUnder) for (let n = first; n < end; n++) addNamed(named, rows.row(n))
        events += end - first
        first = end
        place = rows.placeBehind(end - 1)
        if (writer.count === partEvents) await record(writer, false)
      }
      place = at
      step('page')
      signal?.throwIfAborted()
      if (!(await reportProgress(tenantId, id, { lookedThrough: at.after ?? 0, events }))) return null
    }
    // Also where nothing was found: the columns alone say so.
    if (writer || parts.length === 0) await record(writer ?? (await partWriter(store, 1, made)), true)
    return parts
  } finally {
    await made.close()
    await (writer as PartWriter | null)?.abandon()
  }
}

/** Whose names stand in an event, by ids or by what it calls them. */
function addNamed(named: Set<string>, row: BlockRow): void {
  for (const one of shownIn(viewEvent(row))) if (one !== undefined) named.add(one)
}

/** What no second try would mend; null for what may be different next time (the database, a full disk). */
function problemOf(error: unknown): ExportProblem | null {
  if (error instanceof Error && error.name === 'AbortError') return null
  if (error instanceof ExportTooLarge) return { code: 'too_large', index: null }
  if (isAlteredEntry(error)) return { code: 'entry_altered', index: error.index }
  if (isAppError(error)) {
    if (error.code === 'unavailable') return null
    return { code: error.code === 'conflict' ? 'not_signed' : 'failed', index: null }
  }
  const isOfTheSystem = error instanceof Error && 'code' in error && 'syscall' in error
  return isOfTheSystem ? null : { code: 'failed', index: null }
}
