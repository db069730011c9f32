import 'server-only'
import { randomBytes } from 'node:crypto'
import { createWriteStream, renameSync, rmSync } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { BundleAbout, BundleKind } from '#protocol/audit/bundle.ts'
import { pgTransaction } from '#server/kernel/db.ts'
import { RowBlock } from '../row-block.ts'
import { toCandidate } from '../scan.ts'
import type { StoredEntry } from '../stored.ts'
import { readHead } from '../tree.ts'
import { maskRow } from './mask-row.ts'
import { partWriter, sumDays, type WrittenPart } from './part-writer.ts'
import { RowMaker } from './row-maker.ts'
import { sealFiles, writeFile } from './seal.ts'
import { type BundleStore, sealedStore } from './store.ts'
import { readZip, zipSize } from './zip.ts'

/** A file to seal; its name is a path inside the bundle, like `report.pdf`. */
export type SealFile = { name: string; content: AsyncIterable<Uint8Array> | Uint8Array }

export type SealAsk = {
  kind: Exclude<BundleKind, 'export'>
  about?: BundleAbout
  files: readonly SealFile[]
  /** The events that the files rest on, ascending by index; they go along as NDJSON, each of them proven. */
  events?: AsyncIterable<readonly StoredEntry[]> | Iterable<readonly StoredEntry[]>
  /** For a reader without `audit:unmask`: of the events only pseudonyms and the leaves' hashes go along. */
  masked?: boolean
}

export type SealedBundle = { path: string; sizeBytes: number; events: number; checkpointSize: number }

/**
 * Seals files and the events that they rest on with the organisation's log key and writes the bundle to `path`, whole or not at
 * all. `gatehouse verify` accepts it. @throws AppError conflict when the log cannot be signed · AlteredEntryError
 */
export async function sealBundle(tenantId: string, ask: SealAsk, path: string): Promise<SealedBundle> {
  // A draft that a crash leaves behind is of no use to anybody: its key is known to this call alone.
  const store = sealedStore(`${path}.parts`, randomBytes(32), [tenantId])
  try {
    const { members, checkpointSize, events } = await sealInto(store, tenantId, ask)
    await pipeline(Readable.from(readZip(store, members)), createWriteStream(`${path}.draft`, { mode: 0o600 }))
    renameSync(`${path}.draft`, path)
    return { path, sizeBytes: zipSize(members), events, checkpointSize }
  } finally {
    store.remove()
    rmSync(`${path}.draft`, { force: true })
  }
}

async function sealInto(store: BundleStore, tenantId: string, ask: SealAsk) {
  const { kind, masked = false } = ask
  const about = ask.about ?? { q: '', timeZone: 'UTC' }
  const head = await pgTransaction('reader', tenantId, (_client, sql) => readHead(sql, tenantId))
  const files = []
  for (const [n, { name, content }] of ask.files.entries()) {
    const pieces = content instanceof Uint8Array ? [content] : content
    files.push({ name, stored: await writeFile(store, `file-${n}`, pieces) })
  }
  const part = ask.events && (await writeEvents(store, tenantId, { ...ask, events: ask.events }, about.timeZone))
  const parts = part ? [part] : []
  const sealed = await sealFiles(tenantId, store, {
    kind,
    about,
    format: 'ndjson',
    asOf: head.size,
    masked,
    days: sumDays(parts),
    parts,
    leaves: parts.map(({ leaves }) => leaves),
    files,
  })
  return { ...sealed, events: part?.events.count ?? 0 }
}

async function writeEvents(
  store: BundleStore,
  tenantId: string,
  { events, masked }: { events: NonNullable<SealAsk['events']>; masked?: boolean | undefined },
  timeZone: string,
): Promise<WrittenPart> {
  const mask = masked ? await maskRow(tenantId) : null
  const writer = await partWriter(store, 1, new RowMaker({ format: 'ndjson', timeZone, mask }))
  try {
    for await (const batch of events) await writer.add(RowBlock.of(batch.map(toCandidate)))
  } catch (error) {
    await writer.abandon()
    throw error
  }
  return writer.finish()
}
