import 'server-only'
import { concatBytes, utf8Encode } from '#lib/bytes.ts'
import { HASH_BYTES, TILE_WIDTH } from '#protocol/audit/merkle.ts'
import { encodeBundle, parseTilePath, type TilePath, tileWidth } from '#protocol/audit/tiles.ts'
import type { Sql } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { readAgain } from './archive/stretches.ts'
import { readCertificateFile } from './keeping/served.ts'
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
 * `checkpoint`, `key`, `tile/…` or `tile/entries/…` below a log’s prefix (c2sp.org/tlog-tiles), `purges` or `purges/ID`; with `n/` before it that of a
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
  if (name === 'purges' || name.startsWith('purges/')) return readPurges(sql, tenantId, { head, epoch, name })
  const tile = parseTilePath(name)
  if (!tile) throw missing()
  if (tileWidth(tile.level, tile.index, await heldSize(sql, tenantId, { head, epoch })) < tile.width) throw missing()
  return readTile(sql, tenantId, head, tile)
}

async function readPurges(
  sql: Sql,
  tenantId: string,
  { head, epoch, name }: { head: Head; epoch: number; name: string },
): Promise<LogFile> {
  const signer = await readSigner(tenantId, epoch)
  const checkpoint = await servedCheckpoint(sql, tenantId, { head, epoch })
  const log = { epoch, origin: signer?.name ?? head.origin }
  const found = await readCertificateFile(sql, tenantId, { log, name, checkpoint })
  if (found === null) throw missing()
  return { type: TEXT, body: utf8Encode(found), isForever: false }
}

async function readTile(sql: Sql, tenantId: string, head: Head, { level, index, width }: TilePath): Promise<LogFile> {
  if (level === 'entries') return readBundle(sql, tenantId, index, width)
  const isForever = width === TILE_WIDTH
  const body = await tileReader(sql, tenantId, head)(level, index, width)
  // The head counts what the table of tiles does not have: somebody removed it.
  if (body.length !== width * HASH_BYTES) throw new AppError('gone', { detail: 'This tile is no longer there.' })
  return { type: BYTES, body: concatBytes(body), isForever }
}

/** What was purged leaves its place without bytes, which no entry has; a bundle of which nothing is left is gone. */
async function readBundle(sql: Sql, tenantId: string, bundle: number, width: number): Promise<LogFile> {
  const first = bundle * TILE_WIDTH
  const rows = await readAgain(sql, tenantId, first, first + width)
  if (rows.length === 0) throw new AppError('gone', { detail: 'The entries of this bundle are no longer there.' })
  const entries = Array.from({ length: width }, () => new Uint8Array(0))
  for (const { index, text } of rows) entries[index - first] = utf8Encode(text)
  return { type: BYTES, body: encodeBundle(entries), isForever: width === TILE_WIDTH && rows.length === width }
}

function text(body: string | undefined): LogFile {
  if (!body)
    throw new AppError('not_found', { detail: 'Nothing was signed yet: a checkpoint follows within ten seconds.' })
  return { type: TEXT, body: utf8Encode(body), isForever: false }
}

function missing(): AppError {
  return new AppError('not_found', { detail: 'The log has no such file.' })
}
