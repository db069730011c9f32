import 'server-only'
import { equalBytes } from '#lib/bytes.ts'
import { openCheckpoint } from '#protocol/audit/checkpoint.ts'
import { rootFromTiles } from '#protocol/audit/merkle-prove.ts'
import { NoteError } from '#protocol/audit/note.ts'
import { pgTransaction, type Sql } from '#server/kernel/db.ts'
import { readSigner } from '../log-key.ts'
import { lastPublished, newestEpoch, type Published } from '../published.ts'
import { type Head, readHead, tileReader } from '../tree.ts'
import type { LogState } from './schema.ts'

type Noted = { size: number; note: string }

/** How a log stands against what was signed: its head, and the newest checkpoints in the database and outside of it. */
export type LogCheck = { state: LogState; head: Head; stored: Noted | null; published: Published | null }

/** What was published is no beginning of what the database holds. */
export function isForked(state: LogState): state is 'behind' | 'different' {
  return state === 'behind' || state === 'different'
}

/** Compares the database with what was published outside of it: an old backup, or a log that was rewritten, shows here. */
export async function checkLog(sql: Sql, tenantId: string): Promise<LogCheck> {
  const { epoch } = await readHead(sql, tenantId)
  const stored = await newestStored(sql, tenantId, epoch)
  const newest = newestEpoch(tenantId)
  const published = lastPublished(tenantId, Math.max(newest, epoch))
  // In this order: while the log grows, each of these holds at least what the one before had seen.
  const head = await readHead(sql, tenantId)
  if (head.epoch !== epoch) return checkLog(sql, tenantId)
  const state = newest > epoch ? 'behind' : await stateOf(sql, tenantId, { head, stored, published })
  return { state, head, stored, published }
}

async function stateOf(
  sql: Sql,
  tenantId: string,
  { head, stored, published }: Omit<LogCheck, 'state'>,
): Promise<LogState> {
  const signer = await readSigner(tenantId, head.epoch)
  const isFileWhole = published !== null && published.size >= (stored?.size ?? 0)
  const newest = isFileWhole ? published : stored
  if (!newest) return 'unsigned'
  // Also without the key, which a restored backup may lack: it must not go on.
  if (newest.size > head.size) return 'behind'
  if (!signer) return 'key_missing'
  if (!(await isBeginning(sql, tenantId, head, newest.note, signer.vkey))) return 'different'
  return isFileWhole ? 'ok' : 'file_missing'
}

/** Whether the tree that a note of this log signs is a beginning of the one that is stored. */
export async function isBeginning(
  sql: Sql,
  tenantId: string,
  head: Head,
  note: string,
  vkey: string,
): Promise<boolean> {
  try {
    const { checkpoint } = await openCheckpoint(note, vkey)
    if (checkpoint.size > head.size) return false
    return equalBytes(await rootFromTiles(checkpoint.size, tileReader(sql, tenantId, head)), checkpoint.root)
  } catch (error) {
    // Neither a forged line nor a missing tile is a beginning of this log.
    if (error instanceof NoteError || error instanceof RangeError) return false
    throw error
  }
}

async function newestStored(sql: Sql, tenantId: string, epoch: number): Promise<Noted | null> {
  const [row] = await sql<{ size: string; note: string }>(
    `SELECT c.size::text, c.note FROM audit_checkpoint c WHERE c.tenant_id = $1::uuid AND c.epoch = $2::integer
      ORDER BY c.size DESC LIMIT 1`,
    [tenantId, epoch],
  )
  return row ? { size: Number(row.size), note: row.note } : null
}

/** A forked log takes no entry from here on; one that is whole again does. */
export async function freezeAsNeeded(sql: Sql, tenantId: string, { state, head }: LogCheck): Promise<void> {
  const frozen = isForked(state) ? state : null
  if (frozen === head.frozen) return
  await sql('UPDATE audit_head SET frozen = $2::text WHERE tenant_id = $1::uuid AND epoch = $3::integer', [
    tenantId,
    frozen,
    head.epoch,
  ])
}

/** Looks at one log and freezes it where that is needed. */
export async function guardLog(tenantId: string): Promise<LogState> {
  return pgTransaction('writer', tenantId, async (_client, sql) => {
    const check = await checkLog(sql, tenantId)
    await freezeAsNeeded(sql, tenantId, check)
    return check.state
  })
}
