/**
 * A run is the inverted index of neighbouring entries of a log: for each term the places at which it stands. It is kept as few
 * rows: a term with many places has rows of its own, all others share buckets by the first bits of their key. A lookup is
 * therefore two exact keys a run, whatever the term.
 */
import { BLOCK } from './bits.ts'
import { ByteWriter, numberBytes } from './bytes-io.ts'
import {
  eachStretch,
  type Packed,
  type Packing,
  packStretches,
  requireInBlock,
  SPARSE,
  type Stretches,
} from './places.ts'

/** A term is known by 52 bits of its hash: a whole number that JavaScript holds exactly. */
export type TermHash = number

/** One row. `key` is a term's own, or a bucket's small positive number; `piece` is the block (of the run) that it begins with. */
export type PostingRow = { key: number; piece: number; body: Uint8Array }

/** `bits` = buckets are 2^bits. */
export type Run = { bits: number; rows: PostingRow[] }

/** Terms with more bytes than these have rows of their own. */
const OWN_BYTES = 128
/** A bucket should stay near these. */
const BUCKET_BYTES = 4_096
/** A term's own row should, too: a page of the database holds it whole. */
const PIECE_BYTES = 4_096
const MOST_BUCKET_BITS = 12
const HASH_BITS = 52
/** Of two. Asked for with every term: to raise to a power that is no constant takes longer than all else it does. */
const POWERS = Array.from({ length: HASH_BITS + 1 }, (_, power) => 2 ** power)

/** The key of a term's own rows: negative. */
export function ownKey(hash: TermHash): number {
  return -1 - hash
}

/** The key of the row in which a term without rows of its own stands. */
export function bucketKey(hash: TermHash, bits: number): number {
  return (POWERS[bits] as number) + Math.floor(hash / (POWERS[HASH_BITS - bits] as number))
}

export type TermPlaces = { readonly hash: TermHash; readonly stretches: Stretches }

/** Terms that stand at one place each: the place of the term `hashes[n]` is `places[n]`. */
export type Singles = { readonly hashes: readonly TermHash[]; readonly places: readonly number[] }

const NO_SINGLES: Singles = { hashes: [], places: [] }

/** Builds the run of `span` entries, at most one block, from ascending places. No term comes twice. */
export function buildRun(terms: Iterable<TermPlaces>, span: number, singles = NO_SINGLES): Run {
  const rows: PostingRow[] = []
  const small: SmallTerm[] = []
  for (const { hash, stretches } of terms) {
    const packed = packStretches(stretches, span)
    if (packed.body.length > OWN_BYTES) rows.push({ key: ownKey(hash), piece: 0, body: ownBody(packed) })
    else small.push({ hash, packed })
  }
  const bytes = small.reduce((sum, term) => sum + smallBytes(term), 0)
  const bits = bitsFor(singles.places.reduce((sum, place) => sum + HEAD_BYTES + 1 + numberBytes(place), bytes))
  return { bits, rows: [...rows, ...bucketRows(small, bits, singles)] }
}

export type SmallTerm = { hash: TermHash; packed: Packed }

/** How many bits of a key choose the bucket when buckets hold `bytes` in all. */
export function bitsFor(bytes: number): number {
  for (const bits of [0, 4, 8]) if (bytes <= BUCKET_BYTES * 2 ** bits) return bits
  return MOST_BUCKET_BITS
}

export function bucketRows(small: readonly SmallTerm[], bits: number, singles = NO_SINGLES): PostingRow[] {
  const buckets = new Map<number, ByteWriter>()
  const bucketOf = (hash: TermHash) => {
    const key = bucketKey(hash, bits)
    const known = buckets.get(key)
    if (known) return known
    const bucket = new ByteWriter(512)
    buckets.set(key, bucket)
    return bucket
  }
  for (const { hash, packed } of small) {
    const bucket = bucketOf(hash)
    writeHead(bucket, hash, packed.packing)
    bucket.number(packed.body.length)
    bucket.bytes(packed.body)
  }
  singles.hashes.forEach((hash, n) => {
    const place = singles.places[n] as number
    const bucket = bucketOf(hash)
    // As packPlaces would have it: no other form is smaller.
    writeHead(bucket, hash, SPARSE)
    bucket.number(numberBytes(place))
    bucket.number(place)
  })
  return [...buckets].map(([key, bucket]) => ({ key, piece: 0, body: bucket.done() }))
}

export function smallBytes({ packed }: SmallTerm): number {
  return HEAD_BYTES + numberBytes(packed.body.length) + packed.body.length
}

/** The hash's 52 bits and the packing in the last four. */
const HEAD_BYTES = 7

function writeHead(writer: ByteWriter, hash: TermHash, packing: Packing): void {
  const high = Math.floor(hash / 2 ** 20)
  const low = (hash % 2 ** 20) * 16 + packing
  writer.byte(high >>> 24)
  writer.byte((high >>> 16) & 0xff)
  writer.byte((high >>> 8) & 0xff)
  writer.byte(high & 0xff)
  writer.byte(low >>> 16)
  writer.byte((low >>> 8) & 0xff)
  writer.byte(low & 0xff)
}

export function ownBody({ packing, body }: Packed): Uint8Array {
  const whole = new Uint8Array(1 + body.length)
  whole[0] = packing
  whole.set(body, 1)
  return whole
}

/** What a term's own row holds. */
export function readOwn(body: Uint8Array): Packed {
  return { packing: (body[0] ?? 0) as Packing, body: body.subarray(1) }
}

/** What a bucket holds of the term; null when nothing. */
export function readBucket(body: Uint8Array, hash: TermHash): Packed | null {
  const view = new DataView(body.buffer, body.byteOffset, body.length)
  const high = Math.floor(hash / 2 ** 20)
  const low = hash % 2 ** 20
  for (let at = 0; at < body.length; ) {
    const tail = view.getUint32(at + 3) & 0xffffff
    const isIt = view.getUint32(at) === high && tail >>> 4 === low
    at += HEAD_BYTES
    // As `scanBucket` reads it: in a function of both, a look-up takes a fifth longer.
    let length = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = body[at++]
      if (byte === undefined) throw new RangeError('postings end too early')
      length += (byte & 0x7f) * scale
      if (byte < 0x80) break
    }
    if (!(at + length <= body.length)) throw new RangeError('postings end too early')
    if (isIt) return { packing: (tail & 0xf) as Packing, body: body.subarray(at, at + length) }
    at += length
  }
  return null
}

/** All terms of a bucket, in the order in which they were written. */
export function eachInBucket(body: Uint8Array, take: (hash: TermHash, packed: Packed) => void): void {
  scanBucket(body, (hash, packing, from, to) => take(hash, { packing, body: body.subarray(from, to) }))
}

/** The same without an object for each: what is packed stands in `body` from `from` to `to` (excluded). */
export function scanBucket(
  body: Uint8Array,
  take: (hash: TermHash, packing: Packing, from: number, to: number) => void,
): void {
  const view = new DataView(body.buffer, body.byteOffset, body.length)
  for (let at = 0; at < body.length; ) {
    const tail = view.getUint32(at + 3) & 0xffffff
    const hash = view.getUint32(at) * 2 ** 20 + (tail >>> 4)
    at += HEAD_BYTES
    let length = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = body[at++]
      if (byte === undefined) throw new RangeError('postings end too early')
      length += (byte & 0x7f) * scale
      if (byte < 0x80) break
    }
    if (!(at + length <= body.length)) throw new RangeError('postings end too early')
    take(hash, (tail & 0xf) as Packing, at, at + length)
    at += length
  }
}

/** Rows of one term over several blocks; `parts` are ascending, each within the block `block` of the run. */
export function piecesOf(key: number, parts: readonly { block: number; packed: Packed }[]): PostingRow[] {
  const rows: PostingRow[] = []
  let waiting: { block: number; packed: Packed }[] = []
  let bytes = 0
  const flush = () => {
    const [first] = waiting
    if (!first) return
    const only = waiting.length === 1 ? first.packed : joined(first.block, waiting)
    rows.push({ key, piece: first.block, body: ownBody(only) })
    waiting = []
    bytes = 0
  }
  for (const part of parts) {
    const isBitmap = part.packed.packing === 2
    if (isBitmap || bytes + part.packed.body.length > PIECE_BYTES) flush()
    waiting.push(part)
    bytes += part.packed.body.length
    if (isBitmap) flush()
  }
  flush()
  return rows
}

/** One packing of several blocks' places, counted from the beginning of block `from`. */
export function joined(from: number, parts: readonly { block: number; packed: Packed }[]): Packed {
  const stretches: number[] = []
  for (const { block, packed } of parts) {
    const shift = (block - from) * BLOCK
    eachStretch(packed, (begin, end) => {
      requireInBlock(end)
      if (stretches.at(-1) === begin + shift) stretches[stretches.length - 1] = end + shift
      else stretches.push(begin + shift, end + shift)
    })
  }
  return packStretches(stretches, Number.POSITIVE_INFINITY)
}
