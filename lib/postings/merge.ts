import { BLOCK } from './bits.ts'
import { Gatherer, TermList, TermNumbers } from './gather.ts'
import { type Packed, type Packing, packStretches, requireInBlock, type Stretches, scanStretches } from './places.ts'
import {
  bitsFor,
  bucketKey,
  bucketRows,
  buildRun,
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
      scanStretches(packing, bytes, from, to, (begin, end) => {
        const [first, last] = [Math.max(0, begin + offset), Math.min(span, end + offset)]
        if (first >= last) return
        if (number < 0) number = numbers.numberOf(hash)
        gatherer.add(number, first, last)
      })
    }
    for (const { key, body } of rows) {
      if (key < 0) take(-1 - key, (body[0] ?? 0) as Packing, body, 1, body.length)
      else scanBucket(body, (hash, packing, from, to) => take(hash, packing, body, from, to))
    }
  }
  const list = new TermList()
  eachGathered(numbers, gatherer, (hash, stretches, from, to) => list.add(hash, stretches, from, to))
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

/** What a term has in one block of several. */
type InBlock = { block: number; packed: Packed }

/** One share of the run of several whole blocks. `rows` of a part may hold more than the share: the rest is left aside. */
export function mergeBlocks(parts: readonly RunPart[], { share, bits }: { share: number; bits: number }): PostingRow[] {
  const { own, shared } = termsOfShare(parts, share)
  const rows: PostingRow[] = []
  const small: SmallTerm[] = []
  for (const { hash, stretches } of shared.terms) {
    const term = { hash, packed: packStretches(stretches, Number.POSITIVE_INFINITY) }
    if (smallBytes(term) <= OWN_BYTES) small.push(term)
    else rows.push(...piecesOf(ownKey(hash), cutInBlocks(stretches)))
  }
  for (const [hash, found] of own) {
    const inOrder = found.sort((a, b) => a.block - b.block)
    const term = smallOf(hash, inOrder)
    if (term) small.push(term)
    else rows.push(...piecesOf(ownKey(hash), inOrder))
  }
  return [...rows, ...bucketRows(small, bits, shared.singles)]
}

/** Terms with rows of their own in some block, which stay packed, and the places of those that share buckets in all: nearly all stand at one. */
function termsOfShare(parts: readonly RunPart[], share: number): { own: Map<TermHash, InBlock[]>; shared: TermList } {
  const own = new Map<TermHash, InBlock[]>()
  const numbers = new TermNumbers()
  const gatherer = new Gatherer()
  let [number, shift] = [0, 0]
  const add = (from: number, to: number) => {
    requireInBlock(to)
    gatherer.add(number, from + shift, to + shift)
  }
  const take = (hash: TermHash, packing: Packing, bytes: Uint8Array, from: number, to: number) => {
    if (Math.floor(hash / SHARE_SIZE) !== share) return
    number = numbers.numberOf(hash)
    scanStretches(packing, bytes, from, to, add)
  }
  for (const { offset, rows } of byOffset(parts)) {
    shift = offset
    for (const { key, body } of rows) {
      if (key >= 0) scanBucket(body, (hash, packing, from, to) => take(hash, packing, body, from, to))
      else if (Math.floor((-1 - key) / SHARE_SIZE) === share) {
        const inBlocks = own.get(-1 - key) ?? []
        inBlocks.push({ block: offset / BLOCK, packed: readOwn(body) })
        own.set(-1 - key, inBlocks)
      }
    }
  }
  const shared = new TermList()
  eachGathered(numbers, gatherer, (hash, stretches, from, to) => {
    const inBlocks = own.get(hash)
    if (inBlocks) inBlocks.push(...cutInBlocks(stretches.subarray(from, to)))
    else shared.add(hash, stretches, from, to)
  })
  return { own, shared }
}

/** Stretches of several blocks, block by block. */
function cutInBlocks(stretches: Stretches): InBlock[] {
  const byBlock = new Map<number, number[]>()
  for (let n = 0; n < stretches.length; n += 2) {
    const end = stretches[n + 1] as number
    for (let from = stretches[n] as number; from < end; ) {
      const block = Math.floor(from / BLOCK)
      const to = Math.min(end, (block + 1) * BLOCK)
      const inBlock = byBlock.get(block) ?? []
      inBlock.push(from - block * BLOCK, to - block * BLOCK)
      byBlock.set(block, inBlock)
      from = to
    }
  }
  return [...byBlock].map(([block, inBlock]) => ({ block, packed: packStretches(inBlock, BLOCK) }))
}

/** What was gathered, term by term: its stretches stand in `stretches` from `from` (included) to `to` (excluded). */
function eachGathered(
  numbers: TermNumbers,
  gatherer: Gatherer,
  take: (hash: TermHash, stretches: Int32Array, from: number, to: number) => void,
): void {
  const hashes = numbers.hashes()
  const { stretches, ends } = gatherer.gathered(hashes.length)
  for (let n = 0, from = 0; n < ends.length; from = ends[n++] as number)
    take(hashes[n] as number, stretches, from, ends[n] as number)
}

const OWN_BYTES = 128

function smallOf(hash: TermHash, parts: readonly InBlock[]): SmallTerm | null {
  const bytes = parts.reduce((sum, { packed }) => sum + packed.body.length, 0)
  if (bytes > 2 * OWN_BYTES) return null
  const term = { hash, packed: joined(0, parts) }
  return smallBytes(term) <= OWN_BYTES ? term : null
}

function byOffset(parts: readonly RunPart[]): RunPart[] {
  return [...parts].sort((a, b) => a.offset - b.offset)
}
