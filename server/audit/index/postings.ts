import 'server-only'
import { type Bits, BLOCK } from '#lib/postings/bits.ts'
import { addPacked, eachStretch, type Packed } from '#lib/postings/places.ts'
import { bucketKey, ownKey, readBucket, readOwn, type TermHash } from '#lib/postings/run.ts'
import type { Sql } from '#server/kernel/db.ts'
import { byteaOf, wholes } from './parameters.ts'
import type { MemoryOf, Piece, Standing } from './run-memory.ts'
import { blockOf, type RunHead } from './runs.ts'

type PieceRow = { at: string; key: string; piece: number; body: Uint8Array | null }

/** A run of more than one block gives its own rows' bodies only when asked: they may be large and not needed. */
const isLarge = ({ entries }: RunHead) => entries > BLOCK

/** The postings of some terms, read from the runs as they are needed. */
export class Postings {
  readonly #sql: Sql
  readonly #tenantId: string
  readonly #memoryOf: MemoryOf

  constructor(sql: Sql, tenantId: string, memoryOf: MemoryOf) {
    this.#sql = sql
    this.#tenantId = tenantId
    this.#memoryOf = memoryOf
  }

  /** Finds out where the terms stand in the runs, as far as it is not known: one statement. Index: the primary key, two exact keys for each. */
  async probe(terms: readonly TermHash[], runs: readonly RunHead[]): Promise<void> {
    const asked: { run: RunHead; key: number; whole: number }[] = []
    const news = new Map<number, { run: RunHead; terms: TermHash[]; own: Map<number, TermHash> }>()
    for (const run of runs) {
      const { standings } = this.#memoryOf(run)
      const unknown = terms.filter((hash) => !standings.has(hash))
      if (unknown.length === 0) continue
      const buckets = new Set(unknown.map((hash) => bucketKey(hash, run.bits)))
      for (const key of buckets) asked.push({ run, key, whole: 1 })
      for (const hash of unknown) asked.push({ run, key: ownKey(hash), whole: isLarge(run) ? 0 : 1 })
      news.set(run.at, { run, terms: unknown, own: new Map(unknown.map((hash) => [ownKey(hash), hash])) })
    }
    if (asked.length === 0) return
    const rows = await this.#sql<PieceRow>(PROBE, [
      this.#tenantId,
      wholes(asked.map(({ run }) => run.at)),
      wholes(asked.map(({ key }) => key)),
      wholes(asked.map(({ whole }) => whole)),
    ])
    const rowsOf = Map.groupBy(rows, ({ at }) => Number(at))
    for (const { run, terms: unknown, own } of news.values()) {
      const found = new Map<TermHash, Standing>()
      for (const row of rowsOf.get(run.at) ?? []) take(found, row, { run, terms: unknown, own })
      const memory = this.#memoryOf(run)
      for (const hash of unknown) {
        const standing = found.get(hash) ?? null
        memory.standings.set(hash, standing)
        memory.grows(standing ? bytesOf(standing) : 0)
      }
    }
  }

  /** Whether the term may stand in that block of the run; no row is read for it. */
  mayStand(hash: TermHash, run: RunHead, block: number): boolean {
    const standing = this.#memoryOf(run).standings.get(hash)
    if (!standing) return false
    if (standing.kind === 'bucket') return standing.blocks.has(block)
    return pieceFor(standing.pieces, block - blockOf(run.at)) !== null
  }

  /** Reads the bodies that these blocks need and that are not here yet: one statement. */
  async load(terms: readonly TermHash[], needed: readonly { run: RunHead; block: number }[]): Promise<void> {
    const missing = new Map<string, { run: RunHead; key: number; piece: Piece }>()
    for (const { run, block } of needed) {
      for (const hash of terms) {
        const standing = this.#memoryOf(run).standings.get(hash)
        if (standing?.kind !== 'own') continue
        const piece = pieceFor(standing.pieces, block - blockOf(run.at))
        if (piece && piece.packed === null)
          missing.set(`${run.at} ${hash} ${piece.block}`, { run, key: ownKey(hash), piece })
      }
    }
    const asked = [...missing.values()]
    if (asked.length === 0) return
    const rows = await this.#sql<{ n: string; body: Uint8Array }>(BODIES, [
      this.#tenantId,
      wholes(asked.map(({ run }) => run.at)),
      wholes(asked.map(({ key }) => key)),
      wholes(asked.map(({ piece }) => piece.block)),
    ])
    for (const { n, body } of rows) {
      const found = asked[Number(n) - 1]
      if (!found) continue
      found.piece.packed = readOwn(byteaOf(body))
      this.#memoryOf(found.run).grows(body.length)
    }
  }

  /** Adds to the block's set where the term stands in it, as far as the run tells. */
  addTo(bits: Bits, hash: TermHash, run: RunHead, block: number): void {
    const standing = this.#memoryOf(run).standings.get(hash)
    if (!standing) return
    const shift = run.at - block * BLOCK
    if (standing.kind === 'bucket') {
      if (standing.blocks.has(block)) addPacked(bits, standing.packed, shift)
      return
    }
    const piece = pieceFor(standing.pieces, block - blockOf(run.at))
    if (!piece) return
    if (!piece.packed) throw new Error(`the postings of block ${block} were not loaded`)
    // A run inside a block has one piece, which begins where the run does; in larger ones pieces begin with blocks.
    addPacked(bits, piece.packed, isLarge(run) ? shift + piece.block * BLOCK : shift)
  }
}

type Asked = { run: RunHead; terms: readonly TermHash[]; own: ReadonlyMap<number, TermHash> }

function take(found: Map<TermHash, Standing>, row: PieceRow, { run, terms, own }: Asked): void {
  const key = Number(row.key)
  if (key >= 0) {
    const body = byteaOf(row.body)
    for (const hash of terms) {
      if (bucketKey(hash, run.bits) !== key) continue
      const packed = readBucket(body, hash)
      // A copy: what is remembered does not hold the rest of the bucket.
      if (packed) found.set(hash, { kind: 'bucket', packed: copyOf(packed), blocks: blocksOf(packed, run) })
    }
    return
  }
  const hash = own.get(key)
  if (hash === undefined) return
  const known = found.get(hash)
  const standing = known?.kind === 'own' ? known : { kind: 'own' as const, pieces: [] }
  found.set(hash, standing)
  standing.pieces.push({ block: row.piece, packed: row.body === null ? null : readOwn(byteaOf(row.body)) })
  standing.pieces.sort((a, b) => a.block - b.block)
}

function copyOf({ packing, body }: Packed): Packed {
  return { packing, body: Uint8Array.from(body) }
}

function bytesOf(standing: Standing): number {
  if (standing.kind === 'bucket') return standing.packed.body.length + 40 * standing.blocks.size
  return standing.pieces.reduce((sum, { packed }) => sum + 40 + (packed?.body.length ?? 0), 0)
}

function pieceFor(pieces: readonly Piece[], block: number): Piece | null {
  let found: Piece | null = null
  for (const piece of pieces) if (piece.block <= block) found = piece
  return found
}

function blocksOf(packed: Packed, run: RunHead): ReadonlySet<number> {
  if (!isLarge(run)) return new Set([blockOf(run.at)])
  const blocks = new Set<number>()
  eachStretch(packed, (from, to) => {
    for (let block = blockOf(run.at + from); block <= blockOf(run.at + to - 1); block++) blocks.add(block)
  })
  return blocks
}

// OFFSET 0: every asked key goes through the index by itself, whatever the planner thinks of the table.
const PROBE = `
  SELECT p.at::text, p.key::text, p.piece, p.body
    FROM unnest($2::text::bigint[], $3::text::bigint[], $4::text::bigint[]) AS w(at, key, whole)
   CROSS JOIN LATERAL (SELECT a.at, a.key, a.piece, CASE WHEN w.whole = 1 THEN a.body END AS body
                         FROM audit_posting a WHERE a.tenant_id = $1::uuid AND a.at = w.at AND a.key = w.key OFFSET 0) p`

const BODIES = `
  SELECT w.n::text, p.body
    FROM unnest($2::text::bigint[], $3::text::bigint[], $4::text::bigint[]) WITH ORDINALITY AS w(at, key, piece, n)
   CROSS JOIN LATERAL (SELECT a.body FROM audit_posting a
                        WHERE a.tenant_id = $1::uuid AND a.at = w.at AND a.key = w.key AND a.piece = w.piece::smallint OFFSET 0) p`
