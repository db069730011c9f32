import 'server-only'
import { base64Decode, base64Encode } from '#lib/bytes.ts'
import { parseCheckpoint } from '#protocol/audit/checkpoint.ts'
import { verifyInclusion } from '#protocol/audit/merkle-verify.ts'
import { parseNote } from '#protocol/audit/note.ts'
import type { Sql } from '#server/kernel/db.ts'
import { type Checkpoint, firstCheckpointOver, listCheckpoints } from './checkpoints.ts'
import { findEvent } from './events.ts'
import type { EventProof } from './schema.ts'
import { inclusionProof, leafOf } from './tree.ts'
import { witnessOver } from './witness/cosignatures.ts'

/**
 * Proves an event's bytes as they are stored now: in the newest signed tree, and in the first one that was signed over it,
 * whose time says since when they are unaltered. @throws AppError not_found
 */
export async function proveEvent(sql: Sql, tenantId: string, eventId: string): Promise<EventProof> {
  const { index, text } = await findEvent(sql, tenantId, eventId)
  const leafHash = leafOf(text)
  const first = await firstCheckpointOver(sql, tenantId, index)
  const [newest] = await listCheckpoints(sql, tenantId, 1)
  if (!first || !newest) {
    const { size, root, hashes } = await inclusionProof(sql, tenantId, { index })
    const proof = hashes.map(base64Decode)
    const holds = verifyInclusion({ index, size, leafHash, proof, root: base64Decode(root) })
    return { index, size, leafHash: base64Encode(leafHash), root, holds, signed: null, witnessed: null }
  }
  const isIn = async ({ size, note }: Checkpoint) => {
    const { hashes } = await inclusionProof(sql, tenantId, { index, size })
    return verifyInclusion({ index, size, leafHash, proof: hashes.map(base64Decode), root: rootOf(note) })
  }
  return {
    index,
    size: newest.size,
    leafHash: base64Encode(leafHash),
    root: base64Encode(rootOf(newest.note)),
    holds: (await isIn(first)) && (await isIn(newest)),
    signed: { size: first.size, at: first.signedAt.toISOString() },
    witnessed: await witnessOver(sql, tenantId, { epoch: newest.epoch, index }),
  }
}

function rootOf(note: string): Uint8Array {
  return parseCheckpoint(parseNote(note).text).root
}
