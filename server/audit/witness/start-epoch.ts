import 'server-only'
import { z } from 'zod'
import { base64Encode } from '#lib/bytes.ts'
import { parseCheckpoint } from '#protocol/audit/checkpoint.ts'
import { rootFromTiles } from '#protocol/audit/merkle-prove.ts'
import { NoteError, parseNote } from '#protocol/audit/note.ts'
import { defineCommand } from '#server/kernel/command.ts'
import type { Sql } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { textField } from '#server/kernel/fields.ts'
import { defineQuery } from '#server/kernel/query.ts'
import { tenantTarget } from '#server/tenants/queries.ts'
import { allPublished, lastPublished, newestEpoch } from '../published.ts'
import { type Head, tileReader } from '../tree.ts'
import { checkLog, isForked } from './check-log.ts'
import { baseOrigin } from './epochs.ts'
import type { EpochChoice, LogState } from './schema.ts'

export type StartedEpoch = {
  epoch: number
  origin: string
  heldSize: number
  agreedSize: number
  abandonedSize: number
}

/**
 * Declares that the log goes on from what the database holds, under a new origin and a new key, and that what was published
 * beyond it is given up. Only where the log contradicts what was published, or its key is lost. The tree goes on: the entries
 * keep their places, and the first of the new epoch is this act. Audit: `audit.epoch.start`. @throws AppError conflict
 */
export const startEpoch = defineCommand({
  action: 'audit.epoch.start',
  permission: 'admin',
  risk: 'guard',
  input: z.object({ reason: textField({ min: 3, max: 500 }) }),
  execute: async ({ tx, sql, tenantId, input, now }) => {
    // The signer's own lock: nobody signs under the old origin meanwhile.
    await sql(
      `SELECT pg_advisory_xact_lock(hashtextextended('gatehouse.checkpoint.' || $1::text, 0))::text AS locked`,
      [tenantId],
    )
    const { state, head } = await checkLog(sql, tenantId)
    if (!mayStart(state)) {
      throw new AppError('conflict', { detail: 'The log continues what was signed: there is nothing to begin anew.' })
    }
    const abandonedEpoch = Math.max(head.epoch, newestEpoch(tenantId))
    const abandoned = lastPublished(tenantId, abandonedEpoch)
    const epoch = abandonedEpoch + 1
    const origin = `${baseOrigin(head)}/${epoch}`
    const agreedSize = await agreedSizeOf(sql, tenantId, { head, epoch: abandonedEpoch })
    await sql(
      `INSERT INTO audit_epoch (tenant_id, epoch, origin, first_index, agreed_size, abandoned, started_at)
       VALUES ($1::uuid, $2::integer, $3::text, $4::text::bigint, $5::text::bigint, $6::text, $7::text::timestamptz)`,
      [tenantId, epoch, origin, String(head.size), String(agreedSize), abandoned?.note ?? null, now.toISOString()],
    )
    // The head is locked last, as the ledger does right after.
    await sql(
      'UPDATE audit_head SET epoch = $2::integer, origin = $3::text, frozen = NULL WHERE tenant_id = $1::uuid',
      [tenantId, epoch, origin],
    )
    const result: StartedEpoch = { epoch, origin, heldSize: head.size, agreedSize, abandonedSize: abandoned?.size ?? 0 }
    return {
      result,
      audit: {
        action: 'audit.epoch.start',
        target: await tenantTarget(tx, tenantId),
        reason: input.reason,
        detail: {
          epoch: { before: String(abandonedEpoch), after: String(epoch) },
          origin: { before: head.origin, after: origin },
          state,
          heldSize: String(head.size),
          agreedSize: String(agreedSize),
          ...(abandoned && { abandonedSize: String(abandoned.size), abandonedRoot: rootOfNote(abandoned.note) }),
        },
      },
    }
  },
})

function mayStart(state: LogState): boolean {
  return isForked(state) || state === 'key_missing'
}

/** What declaring a new epoch would mean now; `isNeeded` says whether `startEpoch` would be carried out. */
export const getEpochChoice = defineQuery({
  name: 'audit.epoch.choice',
  permission: 'admin',
  input: z.object({}),
  run: async ({ sql, tenantId }): Promise<EpochChoice> => {
    const { state, head, stored, published } = await checkLog(sql, tenantId)
    const publishedSize = Math.max(published?.size ?? 0, stored?.size ?? 0)
    return { state, isNeeded: mayStart(state), heldSize: head.size, publishedSize }
  },
})

/**
 * So many entries of the database are, by their tree, those that were published: the largest published checkpoint that is a
 * beginning of it. One that is makes every smaller one so: a binary search.
 */
async function agreedSizeOf(
  sql: Sql,
  tenantId: string,
  { head, epoch }: { head: Head; epoch: number },
): Promise<number> {
  const candidates: { size: number; root: string }[] = []
  for await (const { size, note } of allPublished(tenantId, epoch)) {
    if (size <= head.size) candidates.push({ size, root: rootOfNote(note) })
  }
  const read = tileReader(sql, tenantId, head)
  let [low, high] = [0, candidates.length]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const { size, root } = candidates[middle] ?? { size: 0, root: '' }
    if ((await rootOfSize(size, read)) === root) low = middle + 1
    else high = middle
  }
  return candidates[low - 1]?.size ?? 0
}

/** '' where tiles are missing: then nothing agrees. */
async function rootOfSize(size: number, read: ReturnType<typeof tileReader>): Promise<string> {
  try {
    return base64Encode(await rootFromTiles(size, read))
  } catch (error) {
    if (error instanceof RangeError) return ''
    throw error
  }
}

function rootOfNote(note: string): string {
  try {
    return base64Encode(parseCheckpoint(parseNote(note).text).root)
  } catch (error) {
    // A line that somebody forged agrees with nothing.
    if (error instanceof NoteError) return 'forged'
    throw error
  }
}
