import { uuidv7 } from '#lib/uuid.ts'
import { systemActor } from '#server/kernel/actor.ts'
import { pgTransaction, type Sql } from '#server/kernel/db.ts'
import { type AuditDraft, appendEntries } from '#server/kernel/ledger.ts'
import { draftOf } from './log-drafts.ts'

/** Events `from` to `from + count` of a log that will have `of`. */
export type Part = { from: number; count: number; of: number }

/**
 * Appends a part as the product does, in a transaction of its own. Entries, hashes and terms are made before `turn` is awaited, the
 * log's head is locked after it.
 */
export async function appendPart(tenantId: string, { from, count, of }: Part, turn = async () => {}): Promise<void> {
  const actor = systemActor(tenantId, 'bench')
  // The schema of details is the product's own care: these have none.
  const drafts = Array.from({ length: count }, (_, n) => draftOf(from + n, of) as AuditDraft)
  await pgTransaction('writer', tenantId, async (_client, sql) => {
    await sql(
      `INSERT INTO command (tenant_id, id, name, actor_kind, actor_id) VALUES ($1::uuid, $2::uuid, 'bench', 'system', 'bench')
       RETURNING set_config('app.command_id', id::text, true)`,
      [tenantId, uuidv7()],
    )
    const inTurn: Sql = async (text, values) => {
      await turn()
      return sql(text, values)
    }
    await appendEntries(
      inTurn,
      tenantId,
      drafts.map((draft) => ({ actor, draft })),
    )
  })
}
