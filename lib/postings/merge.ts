import { BLOCK } from './bits.ts'
import { Gatherer, TermList, TermNumbers } from './gather.ts'
import { eachPlace, type Packed, type Packing } from './places.ts'
import {
  bitsFor,
  bucketKey,
  bucketRows,
  buildRun,
  eachInBucket,
  joined,
  ownKey,
  type PostingRow,
  piecesOf,
  type Run,
  readOwn,
  type SmallTerm,
  scanBucket,
  smallBytes,
  type TermHash,
} from './run.ts'

/** A run of at most one block that becomes part of a larger one, `offset` places after its beginning. */
export type RunPart = { offset: number; rows: readonly PostingRow[] }

/** Joins runs of one block into the run of that block (or of what there is of it yet). */
export function mergeInBlock(parts: readonly RunPart[], span: number): Run {
  return runOf(byOffset(parts), span)
}

/** The part of a run from place `from` (included) to `to` (excluded), as if it alone had been indexed. */
export function cutRun(rows: readonly PostingRow[], from: number, to: number): Run {
  return runOf([{ offset: -from, rows }], to - from)
}

/** The run of `span` places from what of the parts lies in it. */
function runOf(parts: readonly RunPart[], span: number): Run {
  const numbers = new TermNumbers()
  const gatherer = new Gatherer()
  for (const { offset, rows } of parts) {
    const take = (hash: TermHash, packing: Packing, bytes: Uint8Array, from: number, to: number) => {
      let number = -1
      eachPlace(packing, bytes, from, to, (place) => {
        if (place + offset < 0 || place + offset >= span) return
        if (number < 0) number = numbers.numberOf(hash)
        gatherer.add(number, place + offset)
      })
    }
    for (const { key, body } of rows) {
      if (key < 0) take(-1 - key, (body[0] ?? 0) as Packing, body, 1, body.length)
      else scanBucket(body, (hash, packing, from, to) => take(hash, packing, body, from, to))
    }
  }
  const hashes = numbers.hashes()
  const { places, ends } = gatherer.gathered(hashes.length)
  const list = new TermList()
  for (let n = 0, from = 0; n < ends.length; from = ends[n++] as number)
    list.add(hashes[n] as number, places, from, ends[n] as number)
  return buildRun(list.terms, span, list.singles)
}

/** Shares of all keys, so that a merge of blocks holds one of them at a time. */
export const MERGE_SHARES = 16
const SHARE_SIZE = 2 ** 52 / MERGE_SHARES

/** The keys of a share in a run with `bits`: of terms' own rows, and of buckets. Both ends included. */
export function shareKeys(share: number, bits: number): { own: [number, number]; buckets: [number, number] } {
  const from = share * SHARE_SIZE
  const to = from + SHARE_SIZE - 1
  return { own: [ownKey(to), ownKey(from)], buckets: [bucketKey(from, bits), bucketKey(to, bits)] }
}

/** The bits of the buckets of a run made of whole blocks, from the bytes of theirs. */
export function mergedBits(bucketBytes: number): number {
  return Math.max(4, bitsFor(bucketBytes))
}

/** One share of the run of several whole blocks. `rows` of a part may hold more than the share: the rest is left aside. */
export function mergeBlocks(parts: readonly RunPart[], { share, bits }: { share: number; bits: number }): PostingRow[] {
  const terms = new Map<TermHash, { block: number; packed: Packed }[]>()
  for (const { offset, rows } of byOffset(parts)) {
    const block = offset / BLOCK
    eachTerm(rows, (hash, packed) => {
      if (Math.floor(hash / SHARE_SIZE) !== share) return
      const known = terms.get(hash)
      if (known) known.push({ block, packed })
      else terms.set(hash, [{ block, packed }])
    })
  }
  const rows: PostingRow[] = []
  const small: SmallTerm[] = []
  for (const [hash, found] of terms) {
    const term = smallOf(hash, found)
    if (term) small.push(term)
    else rows.push(...piecesOf(ownKey(hash), found))
  }
  return [...rows, ...bucketRows(small, bits)]
}

const OWN_BYTES = 128

function smallOf(hash: TermHash, parts: readonly { block: number; packed: Packed }[]): SmallTerm | null {
  const bytes = parts.reduce((sum, { packed }) => sum + packed.body.length, 0)
  if (bytes > 2 * OWN_BYTES) return null
  const term = { hash, packed: joined(0, parts) }
  return smallBytes(term) <= OWN_BYTES ? term : null
}

function eachTerm(rows: readonly PostingRow[], take: (hash: TermHash, packed: Packed) => void): void {
  for (const { key, body } of rows) {
    if (key < 0) take(-1 - key, readOwn(body))
    else eachInBucket(body, take)
  }
}

function byOffset(parts: readonly RunPart[]): RunPart[] {
  return [...parts].sort((a, b) => a.offset - b.offset)
}
