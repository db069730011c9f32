import { hexEncode, utf8Encode } from '#lib/bytes.ts'
import type { AuditEntry } from '#protocol/audit/entry.ts'
import { appendLeaves, emptyTree, leafHash, rootOf } from '#protocol/audit/merkle.ts'
import { decodeTreeState } from '#protocol/audit/tree-state.ts'
import type { Instance } from './instance.ts'
import { withSuperuser } from './operator.ts'

export type Logged = { index: number; entry: AuditEntry; senderId: string | undefined }

/** An organisation's whole log as it lies in the database, with the root of its head and the root of its entries. */
export type WholeLog = { entries: Logged[]; headSize: number; headRoot: string; entriesRoot: string }

type Row = { index: string; entry: string; personal: string }

export function readWholeLog(instance: Instance, tenantId: string): Promise<WholeLog> {
  return withSuperuser(instance, async (client) => {
    // One look: the log may grow between two.
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    const { rows } = await client.query<Row>(
      `SELECT e.index, e.entry, e.personal FROM audit_entry e WHERE e.tenant_id = $1 ORDER BY e.index`,
      [tenantId],
    )
    const heads = await client.query<{ size: string; tree: Buffer }>(
      'SELECT size, tree FROM audit_head WHERE tenant_id = $1',
      [tenantId],
    )
    const [head] = heads.rows
    if (!head) throw new Error('the organisation has no log')
    const leaves = rows.map(({ entry }) => leafHash(utf8Encode(entry)))
    return {
      entries: rows.map(({ index, entry, personal }) => ({
        index: Number(index),
        entry: JSON.parse(entry) as AuditEntry,
        senderId: (JSON.parse(personal) as { senderId?: string }).senderId,
      })),
      headSize: Number(head.size),
      headRoot: hexEncode(rootOf(decodeTreeState(new Uint8Array(head.tree)))),
      entriesRoot: hexEncode(rootOf(appendLeaves(emptyTree(), leaves).state)),
    }
  })
}
