import { z } from 'zod'
import { base64Decode, base64urlDecode, base64urlEncode } from '#lib/bytes.ts'
import { canonicalJson } from '#lib/canonical-json.ts'
import { openCheckpoint } from './checkpoint.ts'
import { HASH_BYTES } from './merkle.ts'
import { NoteError, type NoteSigner, openNote, parseVkey, signNote } from './note.ts'

/** Leaves `from` (included) to `to` (excluded). */
export type IndexRange = { readonly from: number; readonly to: number }

/** What a hold kept of the events that had expired. */
export type HoldKept = { readonly id: string; readonly name: string; readonly kept: number }

/**
 * What the log says of events that it no longer keeps: which leaves of which class, why, and what was kept by whom's hold.
 * Signed as a note by the key that signs the log's checkpoints.
 */
export type PurgeCertificate = {
  readonly id: string
  readonly tenantId: string
  /** Of the log, as in its checkpoints. */
  readonly origin: string
  readonly class: string
  /** The removed leaves, ascending and apart from each other. */
  readonly removed: readonly IndexRange[]
  /** How many leaves that are. */
  readonly count: number
  /** When the first and the last of them were recorded. */
  readonly firstRecordedAt: string
  readonly lastRecordedAt: string
  /** SHA-256 over the removed leaves' hashes, as they stand in the tree, in order; base64. */
  readonly leaves: string
  /** The rule in days. */
  readonly retentionDays: number
  /** Holds in force that kept something of the same class and time. */
  readonly holds: readonly HoldKept[]
  readonly certifiedAt: string
  /** A signed checkpoint that covers every removed leaf. */
  readonly checkpoint: string
}

// A checkpoint's second line is a number, this one's is JSON: neither can be taken for the other.
const HEADER = 'gatehouse.audit/purge@v1'
const MOST_RANGES = 2_000_000

const count = z.number().int().nonnegative()
const body = z.strictObject({
  v: z.literal(1),
  id: z.string(),
  tenantId: z.string(),
  origin: z.string(),
  class: z.string(),
  from: count,
  to: count,
  removed: z.string(),
  count,
  firstRecordedAt: z.string(),
  lastRecordedAt: z.string(),
  leaves: z.string(),
  retentionDays: count,
  holds: z.array(z.strictObject({ id: z.string(), name: z.string(), kept: count })),
  certifiedAt: z.string(),
  checkpoint: z.string(),
})

/** The certificate as a signed note. Throws a NoteError when it cannot be one. */
export function signPurgeCertificate(certificate: PurgeCertificate, signer: NoteSigner): Promise<string> {
  const { removed } = certificate
  const edges = { from: removed[0]?.from ?? 0, to: removed.at(-1)?.to ?? 0 }
  const json = canonicalJson({ ...certificate, v: 1, ...edges, removed: encodeRanges(removed) })
  return signNote(`${HEADER}\n${json}\n`, [signer])
}

/** Whether a file begins like a purge certificate, for a program that is handed any of the log's files. */
export function isPurgeCertificate(text: string): boolean {
  return text.startsWith(`${HEADER}\n`)
}

/**
 * Reads a purge certificate and verifies it with the log's `vkey` (and `origin`, the key's name unless given): its signature, the
 * checkpoint in it, and that its figures agree with each other. Throws a NoteError saying what does not hold.
 */
export async function verifyPurgeCertificate(
  note: string,
  { vkey, origin = parseVkey(vkey).name }: { vkey: string; origin?: string },
): Promise<PurgeCertificate> {
  const { text } = await openNote(note, vkey)
  const { v: _, from, to, removed: encoded, ...rest } = parseBody(text)
  const certificate = { ...rest, removed: decodeRanges(encoded) }
  if (certificate.origin !== origin)
    throw new NoteError(`the purge certificate is of ${certificate.origin}, not of ${origin}`)
  const { removed } = certificate
  const total = removed.reduce((sum, range) => sum + range.to - range.from, 0)
  if (removed[0]?.from !== from || removed.at(-1)?.to !== to || total !== certificate.count)
    throw new NoteError('the figures of the purge certificate contradict each other')
  const { checkpoint } = await openCheckpoint(certificate.checkpoint, vkey, origin)
  if (to > checkpoint.size)
    throw new NoteError(`the purge certificate goes to entry ${to - 1}, its checkpoint has ${checkpoint.size} entries`)
  if (decode64(certificate.leaves).length !== HASH_BYTES) throw new NoteError('the hash of the removed leaves is none')
  return certificate
}

function parseBody(text: string) {
  const [header, json = '', end, ...more] = text.split('\n')
  if (header !== HEADER || end !== '' || more.length > 0) throw new NoteError(`the note is no ${HEADER}`)
  try {
    return body.parse(JSON.parse(json))
  } catch (cause) {
    throw new NoteError('the purge certificate has not the form of one', { cause })
  }
}

function decode64(text: string): Uint8Array {
  try {
    return base64Decode(text)
  } catch (cause) {
    throw new NoteError('the hash of the removed leaves is not base64', { cause })
  }
}

/**
 * Whether an entry may be missing: one test over all certificates, which must have been verified. Everything else that is missing
 * is an alarm.
 */
export function purgedBy(certificates: readonly Pick<PurgeCertificate, 'removed'>[]): (index: number) => boolean {
  const ranges = mergeRanges(certificates.flatMap(({ removed }) => removed))
  return (index) => {
    let [low, high] = [0, ranges.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((ranges[middle]?.to ?? 0) > index) high = middle
      else low = middle + 1
    }
    const range = ranges[low]
    return range !== undefined && range.from <= index
  }
}

/** The same leaves as ascending ranges that neither overlap nor touch. */
export function mergeRanges(ranges: readonly IndexRange[]): IndexRange[] {
  const merged: { from: number; to: number }[] = []
  for (const { from, to } of ranges.toSorted((a, b) => a.from - b.from)) {
    const last = merged.at(-1)
    if (last && from <= last.to) last.to = Math.max(last.to, to)
    else merged.push({ from, to })
  }
  return merged
}

/** Base64url of pairs (gap since the last range, length), each a LEB128: a range takes two bytes or a few. */
function encodeRanges(ranges: readonly IndexRange[]): string {
  const bytes: number[] = []
  const put = (value: number) => {
    let rest = value
    for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
    bytes.push(rest)
  }
  let at = 0
  for (const { from, to } of ranges) {
    if (from < at || to <= from) throw new NoteError('the removed ranges are not ascending')
    put(from - at)
    put(to - from)
    at = to
  }
  return base64urlEncode(Uint8Array.from(bytes))
}

function decodeRanges(text: string): IndexRange[] {
  const numbers = readNumbers(text)
  if (numbers.length % 2 !== 0 || numbers.length > 2 * MOST_RANGES) throw malformed()
  const ranges: IndexRange[] = []
  let at = 0
  for (let i = 0; i < numbers.length; i += 2) {
    const from = at + (numbers[i] ?? 0)
    at = from + (numbers[i + 1] ?? 0)
    if (at <= from || !Number.isSafeInteger(at)) throw malformed()
    ranges.push({ from, to: at })
  }
  return ranges
}

function readNumbers(text: string): number[] {
  const numbers: number[] = []
  let [value, weight] = [0, 1]
  for (const byte of decodeUrl(text)) {
    value += (byte % 128) * weight
    weight *= 128
    if (!Number.isSafeInteger(value)) throw malformed()
    if (byte >= 128) continue
    numbers.push(value)
    ;[value, weight] = [0, 1]
  }
  if (weight !== 1) throw malformed()
  return numbers
}

function decodeUrl(text: string): Uint8Array {
  try {
    return base64urlDecode(text)
  } catch (cause) {
    throw new NoteError('the removed ranges are not base64url', { cause })
  }
}

function malformed(): NoteError {
  return new NoteError('the removed ranges are not what the form demands')
}
