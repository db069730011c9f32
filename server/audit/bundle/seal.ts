import 'server-only'
import { formatTime } from '#lib/time.ts'
import {
  BUNDLE_MEMBERS,
  type BundleAbout,
  type BundleFile,
  type BundleFormat,
  type BundleKind,
  type BundleManifest,
} from '#protocol/audit/bundle.ts'
import { formatManifest, signSeal } from '#protocol/audit/bundle-seal.ts'
import { parseCheckpoint } from '#protocol/audit/checkpoint.ts'
import { parseNote } from '#protocol/audit/note.ts'
import { now } from '#server/kernel/clock.ts'
import { pgTransaction } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { listCheckpoints, signHead } from '../checkpoints.ts'
import { readSigner } from '../log-key.ts'
import { HOW_TO_VERIFY } from './how-to.ts'
import { proveLeaves } from './proof.ts'
import type { BundleStore, StoredFile } from './store.ts'

/** A member of the bundle and the stored files that it is made of, one after another. */
export type StoredMember = { name: string; sizeBytes: number; crc32: number; files: StoredFile[] }

export type PartToSeal = { stored: StoredFile; events: { count: number; first: number; last: number } }

export type ToSeal = {
  kind: BundleKind
  about: BundleAbout
  format: BundleFormat
  asOf: number
  masked: boolean
  days: Record<string, number>
  parts: readonly PartToSeal[]
  /** The leaves of all parts, in order. */
  leaves: readonly StoredFile[]
  files: readonly { name: string; stored: StoredFile }[]
  /** Nothing more is begun. */
  signal?: AbortSignal | undefined
}

export type Sealed = { members: StoredMember[]; checkpointSize: number }

/**
 * Proves the events, lists everything in a manifest and signs that with the log's key. The checkpoint is the newest one, made now
 * where none covers the events yet. @throws AppError conflict when the log cannot be signed · AlteredEntryError
 */
export async function sealFiles(tenantId: string, store: BundleStore, toSeal: ToSeal): Promise<Sealed> {
  const checkpoint = await checkpointOver(tenantId, toSeal.asOf)
  const { signal } = toSeal
  const leaves = await writeFile(store, 'leaves', concatenated(store, toSeal.leaves), signal)
  const proof = await writeFile(store, 'proof', proveLeaves(tenantId, checkpoint.size, store.read(leaves)), signal)
  const listed = [
    { name: BUNDLE_MEMBERS.howTo, stored: await writeFile(store, 'how-to', [Buffer.from(HOW_TO_VERIFY)]) },
    ...toSeal.files,
    ...toSeal.parts.map(({ stored, events }, n) => ({ name: partName(n + 1, toSeal.format), stored, events })),
    { name: BUNDLE_MEMBERS.leaves, stored: leaves },
    { name: BUNDLE_MEMBERS.proof, stored: proof },
    {
      name: BUNDLE_MEMBERS.checkpoint,
      stored: await writeFile(store, 'checkpoint', [Buffer.from(checkpoint.note)]),
    },
  ]
  const manifest = formatManifest(manifestOf(toSeal, checkpoint, listed.map(listedFile)))
  const note = await signSeal(checkpoint.origin, manifest, checkpoint.signer)
  const members = [
    ...listed,
    { name: BUNDLE_MEMBERS.manifest, stored: await writeFile(store, 'manifest', [manifest]) },
    { name: BUNDLE_MEMBERS.seal, stored: await writeFile(store, 'seal', [Buffer.from(note)]) },
  ].map(({ name, stored }) => ({ name, sizeBytes: stored.sizeBytes, crc32: stored.crc32, files: [stored] }))
  return { members, checkpointSize: checkpoint.size }
}

/** The name of a part within the bundle. */
export function partName(number: number, format: BundleFormat): string {
  return `${BUNDLE_MEMBERS.parts}events-${String(number).padStart(6, '0')}.${format}`
}

type Listed = { name: string; stored: StoredFile; events?: PartToSeal['events'] }

function listedFile({ name, stored: { sizeBytes, sha256 }, events }: Listed): BundleFile {
  return { name, sizeBytes, sha256, ...(events && { events }) }
}

function manifestOf(
  { kind, about, format, asOf, masked, days, parts }: ToSeal,
  { origin, signer }: { origin: string; signer: { vkey: string } },
  files: BundleFile[],
): BundleManifest {
  const count = parts.reduce((sum, { events }) => sum + events.count, 0)
  return {
    v: 1,
    kind,
    origin,
    vkey: signer.vkey,
    createdAt: formatTime(now()),
    about,
    format,
    asOf,
    masked,
    events: { count, days },
    files,
  }
}

const TRIES = 30
const WAIT_MS = 100

/** The newest signed head, with its signer; it covers the first `size` entries. */
async function checkpointOver(tenantId: string, size: number) {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const [newest] = await pgTransaction('reader', tenantId, (_client, sql) => listCheckpoints(sql, tenantId, 1))
    const signer = await readSigner(tenantId)
    if (newest && signer && newest.size >= size) {
      const { origin } = parseCheckpoint(parseNote(newest.note).text)
      return { size: newest.size, note: newest.note, origin, signer }
    }
    const { state } = await signHead(tenantId)
    if (state !== 'ok' && state !== 'unsigned') break
    // Somebody else signs at this moment.
    if (attempt > 0) await new Promise((resolve) => setTimeout(resolve, WAIT_MS))
  }
  throw new AppError('conflict', { detail: 'The log cannot be signed now: see the Trust page.' })
}

async function* concatenated(store: BundleStore, files: readonly StoredFile[]): AsyncGenerator<Uint8Array> {
  for (const file of files) yield* store.read(file)
}

/** Writes a whole file. */
export async function writeFile(
  store: BundleStore,
  file: string,
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  signal?: AbortSignal,
): Promise<StoredFile> {
  const writer = await store.create(file)
  try {
    for await (const piece of pieces) {
      signal?.throwIfAborted()
      await writer.write(piece)
    }
  } catch (error) {
    await writer.abandon()
    throw error
  }
  return writer.finish()
}
