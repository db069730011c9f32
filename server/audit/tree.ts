import 'server-only'
import { base64Encode, hexDecode, utf8Encode } from '#lib/bytes.ts'
import { emptyTree, HASH_BYTES, leafHash, TILE_WIDTH, type TreeState } from '#protocol/audit/merkle.ts'
import { proveConsistency, proveInclusion, type ReadTile, rootFromTiles } from '#protocol/audit/merkle-prove.ts'
import { decodeTreeState } from '#protocol/audit/tree-state.ts'
import type { Sql } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { wholes } from './index/parameters.ts'
import type { ConsistencyProof, InclusionProof } from './schema.ts'

/**
 * The log's head: the state of its tree. Full tiles stand in their table, the rest is the edge of the state. `frozen`: it
 * contradicts what was published, and takes no entry.
 */
export type Head = {
  size: number
  origin: string
  epoch: number
  frozen: 'behind' | 'different' | null
  tree: TreeState
  lastRecordedAt: Date
}

/** The head of an organisation's log as it is now. @throws AppError not_found */
export async function readHead(sql: Sql, tenantId: string): Promise<Head> {
  const [row] = await sql<
    Pick<Head, 'origin' | 'epoch' | 'frozen'> & { size: string; tree: string; last: Date | string }
  >(
    `SELECT size::text, origin, epoch, frozen, encode(tree, 'hex') AS tree, last_recorded_at AS last FROM audit_head
      WHERE tenant_id = $1::uuid`,
    [tenantId],
  )
  if (!row) throw new AppError('not_found', { detail: 'There is no such log.' })
  const tree = row.tree === '' ? emptyTree() : decodeTreeState(hexDecode(row.tree))
  const { origin, epoch, frozen } = row
  return { size: Number(row.size), origin, epoch, frozen, tree, lastRecordedAt: new Date(row.last) }
}

/** Reads tiles of the tree at `head` or of any smaller one: a tile that was partial then is a beginning of today's. */
export function tileReader(sql: Sql, tenantId: string, head: Head): ReadTile {
  return async (level, index, width) => {
    const full = Math.floor(head.size / TILE_WIDTH ** (level + 1))
    if (index >= full) return (head.tree.edge[level] ?? new Uint8Array(0)).subarray(0, width * HASH_BYTES)
    const [row] = await sql<{ hashes: string }>(
      `SELECT encode(hashes, 'hex') AS hashes FROM audit_tile WHERE tenant_id = $1::uuid AND level = $2::smallint AND number = $3::text::bigint`,
      [tenantId, level, String(index)],
    )
    return row ? hexDecode(row.hashes).subarray(0, width * HASH_BYTES) : new Uint8Array(0)
  }
}

/** The same with every tile above these leaves read before, in one statement: a proof needs no others. */
async function tilesAbove(sql: Sql, tenantId: string, head: Head, leaves: readonly number[]): Promise<ReadTile> {
  const rest = tileReader(sql, tenantId, head)
  const wanted = new Map<string, { level: number; number: number }>()
  for (let level = 0; TILE_WIDTH ** (level + 1) <= head.size; level++) {
    for (const leaf of leaves) {
      const number = Math.floor(leaf / TILE_WIDTH ** (level + 1))
      wanted.set(`${level} ${number}`, { level, number })
    }
  }
  const asked = [...wanted.values()]
  const rows = await sql<{ level: number; number: string; hashes: Uint8Array }>(
    `SELECT t.level, t.number::text, t.hashes FROM unnest($2::text::smallint[], $3::text::bigint[]) AS w(level, number)
       JOIN audit_tile t ON t.tenant_id = $1::uuid AND t.level = w.level AND t.number = w.number`,
    [tenantId, wholes(asked.map(({ level }) => level)), wholes(asked.map(({ number }) => number))],
  )
  const known = new Map(rows.map(({ level, number, hashes }) => [`${level} ${number}`, hashes]))
  return async (level, index, width) =>
    known.get(`${level} ${index}`)?.subarray(0, width * HASH_BYTES) ?? rest(level, index, width)
}

/** @throws AppError invalid when there is no such leaf in a tree of that size, or none of that size yet */
export async function inclusionProof(
  sql: Sql,
  tenantId: string,
  { index, size }: { index: number; size?: number | undefined },
): Promise<InclusionProof> {
  const head = await readHead(sql, tenantId)
  const of = size ?? head.size
  requireSize('size', of, head)
  if (index >= of) throw wrong('index', `must be below the size ${of}`)
  const read = await tilesAbove(sql, tenantId, head, [index, of - 1])
  const hashes = await proveInclusion(index, of, read)
  const leaves = await read(0, Math.floor(index / TILE_WIDTH), (index % TILE_WIDTH) + 1)
  const leaf = leaves.subarray((index % TILE_WIDTH) * HASH_BYTES)
  return {
    index,
    size: of,
    leafHash: base64Encode(leaf),
    hashes: hashes.map(base64Encode),
    root: base64Encode(await rootFromTiles(of, read)),
  }
}

/** @throws AppError invalid when `from` is larger than `to`, or the log is smaller than `to` */
export async function consistencyProof(
  sql: Sql,
  tenantId: string,
  { from, to }: { from: number; to?: number | undefined },
): Promise<ConsistencyProof> {
  const head = await readHead(sql, tenantId)
  const until = to ?? head.size
  requireSize('to', until, head)
  if (from === 0) throw wrong('from', 'must be at least 1')
  if (from > until) throw wrong('from', `must not be larger than ${until}`)
  const read = tileReader(sql, tenantId, head)
  const hashes = await proveConsistency(from, until, read)
  const [fromRoot, toRoot] = [await rootFromTiles(from, read), await rootFromTiles(until, read)]
  return {
    from,
    to: until,
    fromRoot: base64Encode(fromRoot),
    toRoot: base64Encode(toRoot),
    hashes: hashes.map(base64Encode),
  }
}

/** The leaf hash of an entry's text. */
export function leafOf(text: string): Uint8Array {
  return leafHash(utf8Encode(text))
}

function requireSize(field: string, size: number, head: Head): void {
  if (size < 1 || size > head.size) throw wrong(field, `must be from 1 to ${head.size}`)
}

function wrong(field: string, problem: string): AppError {
  return new AppError('invalid', { detail: `${field}: ${problem}`, fields: { [field]: problem } })
}
