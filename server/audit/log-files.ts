import 'server-only'
import { concatBytes, utf8Encode } from '#lib/bytes.ts'
import { HASH_BYTES, TILE_WIDTH } from '#protocol/audit/merkle.ts'
import { encodeBundle, parseTilePath, type TilePath, tileWidth } from '#protocol/audit/tiles.ts'
import type { Sql } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { readSigner } from './log-key.ts'
import { newestEpoch } from './published.ts'
import { type Head, readHead, tileReader } from './tree.ts'
import { servedCheckpoint } from './witness/cosignatures.ts'
import { heldSize, parseLogPath } from './witness/epochs.ts'

/** A file of the transparency log as it is served. `isForever`: these bytes never change. */
export type LogFile = { type: string; body: Uint8Array; isForever: boolean }

const TEXT = 'text/plain; charset=utf-8'
const BYTES = 'application/octet-stream'

/**
 * `checkpoint`, `key`, `tile/…` or `tile/entries/…` below a log's prefix (c2sp.org/tlog-tiles); with `n/` before it that of a
 * later epoch. @throws AppError not_found · gone
 */
export async function readLogFile(sql: Sql, tenantId: string, path: string): Promise<LogFile> {
  const { epoch, name } = parseLogPath(path)
  const head = await readHead(sql, tenantId)
  if (epoch > Math.max(head.epoch, newestEpoch(tenantId))) throw missing()
  if (name === 'checkpoint') return text(await servedCheckpoint(sql, tenantId, { head, epoch }))
  if (name === 'key') {
    const vkey = (await readSigner(tenantId, epoch))?.vkey
    return text(vkey && `${vkey}\n`)
  }
  const tile = parseTilePath(name)
  if (!tile) throw missing()
  if (tileWidth(tile.level, tile.index, await heldSize(sql, tenantId, { head, epoch })) < tile.width) throw missing()
  return readTile(sql, tenantId, head, tile)
}

async function readTile(sql: Sql, tenantId: string, head: Head, { level, index, width }: TilePath): Promise<LogFile> {
  const isForever = width === TILE_WIDTH
  if (level === 'entries') return { type: BYTES, body: await readBundle(sql, tenantId, index, width), isForever }
  const body = await tileReader(sql, tenantId, head)(level, index, width)
  // The head counts what the table of tiles does not have: somebody removed it.
  if (body.length !== width * HASH_BYTES) throw new AppError('gone', { detail: 'This tile is no longer there.' })
  return { type: BYTES, body: concatBytes(body), isForever }
}

async function readBundle(sql: Sql, tenantId: string, bundle: number, width: number): Promise<Uint8Array> {
  const first = bundle * TILE_WIDTH
  const rows = await sql<{ entry: string }>(
    `SELECT entry FROM audit_entry WHERE tenant_id = $1::uuid AND index >= $2::text::bigint AND index < $3::text::bigint ORDER BY index`,
    [tenantId, String(first), String(first + width)],
  )
  if (rows.length !== width) throw new AppError('gone', { detail: 'Entries of this bundle are no longer there.' })
  return encodeBundle(rows.map(({ entry }) => utf8Encode(entry)))
}

function text(body: string | undefined): LogFile {
  if (!body)
    throw new AppError('not_found', { detail: 'Nothing was signed yet: a checkpoint follows within ten seconds.' })
  return { type: TEXT, body: utf8Encode(body), isForever: false }
}

function missing(): AppError {
  return new AppError('not_found', { detail: 'The log has no such file.' })
}
