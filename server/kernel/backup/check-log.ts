import 'server-only'
import type pg from 'pg'
import { equalBytes, hexDecode, hexEncode } from '#lib/bytes.ts'
import {
  appendLeaves,
  emptyTree,
  HASH_BYTES,
  leafHashOfText,
  rootOf,
  TILE_WIDTH,
  type TreeState,
} from '#protocol/audit/merkle.ts'
import { decodeTreeState, encodeTreeState } from '#protocol/audit/tree-state.ts'
import { BackupError, type LogHead } from './format.ts'

const TILES_AT_ONCE = 16

/**
 * Builds the tree of a restored log anew from its entries and compares it with what stands there: every hash of every tile, the head, the
 * root in the backup's header. What was purged has its hash alone. @throws BackupError naming the first event that differs
 */
export async function checkRestoredLog(client: pg.Client, log: LogHead): Promise<void> {
  const fail = (problem: string): never => {
    throw new BackupError(`the log of ${log.tenantId} is not what was backed up: ${problem}`)
  }
  const { rows } = await client.query<{ size: string; tree: string }>(
    `SELECT size::text, encode(tree, 'hex') AS tree FROM audit_head WHERE tenant_id = $1::uuid`,
    [log.tenantId],
  )
  const [head] = rows
  if (!head || Number(head.size) !== log.size) return fail(`it has ${head?.size ?? 'no'} events, not ${log.size}`)
  const stored = head.tree === '' ? emptyTree() : decodeTreeState(hexDecode(head.tree))
  let tree = emptyTree()
  for (let from = 0; from < log.size; from += TILES_AT_ONCE * TILE_WIDTH) {
    const to = Math.min(log.size, from + TILES_AT_ONCE * TILE_WIDTH)
    const tiles = await readTiles(client, log.tenantId, { level: 0, from: from / TILE_WIDTH, to: to / TILE_WIDTH })
    const leaves = leavesOf(tiles, stored, from, to) ?? fail(`a tile of the events from ${from} on is missing`)
    const altered = await firstAltered(client, log.tenantId, { from, to }, leaves)
    if (altered !== null) fail(`event ${altered} was altered`)
    const grown = appendLeaves(tree, leaves)
    await requireTiles(client, log.tenantId, grown.fullTiles, fail)
    tree = grown.state
  }
  if (!equalBytes(encodeTreeState(tree), encodeTreeState(stored))) fail('its head does not follow from its events')
  if (hexEncode(rootOf(tree)) !== log.root) fail('its root is another one')
}

type Range = { from: number; to: number }
type StoredTiles = Map<number, Uint8Array>

async function readTiles(
  client: pg.Client,
  tenantId: string,
  { level, from, to }: Range & { level: number },
): Promise<StoredTiles> {
  const { rows } = await client.query<{ number: string; hashes: Buffer }>(
    `SELECT number::text, hashes FROM audit_tile
      WHERE tenant_id = $1::uuid AND level = $2::smallint AND number >= $3::bigint AND number < $4::bigint`,
    [tenantId, level, from, Math.ceil(to)],
  )
  return new Map(rows.map(({ number, hashes }) => [Number(number), new Uint8Array(hashes)]))
}

/** The leaf hashes from `from` to `to`: of full tiles, and at the right edge of the head. */
function leavesOf(tiles: StoredTiles, stored: TreeState, from: number, to: number): Uint8Array[] | undefined {
  const leaves: Uint8Array[] = []
  for (let at = from; at < to; at += TILE_WIDTH) {
    const width = Math.min(TILE_WIDTH, to - at)
    const hashes = width === TILE_WIDTH ? tiles.get(at / TILE_WIDTH) : stored.edge[0]
    if (hashes?.length !== width * HASH_BYTES) return undefined
    for (let place = 0; place < width; place++)
      leaves.push(hashes.subarray(place * HASH_BYTES, (place + 1) * HASH_BYTES))
  }
  return leaves
}

/** The first of the kept entries whose text has another hash. Index: audit_entry's key, organisation and index. */
async function firstAltered(
  client: pg.Client,
  tenantId: string,
  { from, to }: Range,
  leaves: readonly Uint8Array[],
): Promise<number | null> {
  const { rows } = await client.query<{ index: string; entry: string }>(
    `SELECT index::text, entry FROM audit_entry WHERE tenant_id = $1::uuid AND index >= $2::bigint AND index < $3::bigint ORDER BY index`,
    [tenantId, from, to],
  )
  const altered = rows.find(({ index, entry }) => {
    const leaf = leaves[Number(index) - from]
    return !leaf || !equalBytes(leafHashOfText(entry), leaf)
  })
  return altered ? Number(altered.index) : null
}

type FullTile = { level: number; index: number; bytes: Uint8Array }

async function requireTiles(
  client: pg.Client,
  tenantId: string,
  full: readonly FullTile[],
  fail: (problem: string) => never,
): Promise<void> {
  for (const { level, index, bytes } of full) {
    // The leaves were taken from these.
    if (level === 0) continue
    const stored = (await readTiles(client, tenantId, { level, from: index, to: index + 1 })).get(index)
    if (!stored || !equalBytes(stored, bytes)) fail(`tile ${index} of level ${level} does not follow from its events`)
  }
}
