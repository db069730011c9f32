import 'server-only'
import { BLOCK } from '#lib/postings/bits.ts'
import { type Packed, unpackPlaces } from '#lib/postings/places.ts'
import { bucketKey, eachInBucket, type PostingRow, readOwn } from '#lib/postings/run.ts'
import { blockOf, endOf, type RunHead } from './index/runs.ts'

type Take = (hash: number, places: readonly number[]) => void

/**
 * The terms of a run as a search comes upon them (see `Postings`): what stands in its rows, but where no search looks for it, is not
 * told. Rows come in the order of their keys and pieces, so that a term's own rows come before all buckets; `end` behind the last.
 */
export class SearchedRows {
  readonly #run: RunHead
  readonly #take: Take
  readonly #own = new Set<number>()
  #piece: PostingRow | null = null
  #bucket: { key: number; terms: Map<number, Packed | null> } | null = null

  constructor(run: RunHead, take: Take) {
    this.#run = run
    this.#take = take
  }

  add(row: PostingRow): void {
    if (this.#piece) this.#takePiece(this.#piece, row.key === this.#piece.key ? row.piece : Number.POSITIVE_INFINITY)
    this.#piece = row.key < 0 ? row : null
    if (row.key < 0) this.#own.add(-1 - row.key)
    else this.#gather(row)
  }

  end(): void {
    if (this.#piece) this.#takePiece(this.#piece, Number.POSITIVE_INFINITY)
    this.#piece = null
    this.#takeBucket()
  }

  /** A piece tells of the blocks from its own to that of the next; in a run of one block its places begin with the run. */
  #takePiece({ key, piece, body }: PostingRow, next: number): void {
    const { at, entries } = this.#run
    const places = unpackPlaces(readOwn(body), entries > BLOCK ? piece * BLOCK : 0)
    const isSearched = (place: number) => {
      const block = blockOf(at + place) - blockOf(at)
      return block >= piece && block < next
    }
    this.#take(-1 - key, places.filter(isSearched))
  }

  /** Of a term that stands twice under one key a search takes the one or the other: neither is told. */
  #gather({ key, body }: PostingRow): void {
    if (this.#bucket?.key !== key) {
      this.#takeBucket()
      this.#bucket = { key, terms: new Map() }
    }
    const { terms } = this.#bucket ?? { terms: new Map() }
    eachInBucket(body, (hash, packed) => terms.set(hash, terms.has(hash) ? null : packed))
  }

  #takeBucket(): void {
    const { key, terms } = this.#bucket ?? { key: 0, terms: new Map<number, Packed | null>() }
    this.#bucket = null
    for (const [hash, packed] of terms) {
      // Rows of its own count before the bucket, and the bucket is looked for under the key that the run's bits give.
      if (!packed || this.#own.has(hash) || bucketKey(hash, this.#run.bits) !== key) continue
      this.#take(hash, this.#inBuckets(unpackPlaces(packed)))
    }
  }

  /** A bucket of a run that is no larger than a block is asked for the block alone in which that begins. */
  #inBuckets(places: readonly number[]): readonly number[] {
    const { at, entries } = this.#run
    const isOneBlock = blockOf(at) === blockOf(endOf(this.#run) - 1)
    return entries > BLOCK || isOneBlock ? places : places.filter((place) => blockOf(at + place) === blockOf(at))
  }
}
