import 'server-only'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { systemActor } from '#server/kernel/actor.ts'
import { defineCommand } from '#server/kernel/command.ts'
import { readTransaction, type Sql } from '#server/kernel/db.ts'
import { type ListedErasure, readErasures, tenantsWithDestroyed } from '#server/kernel/destroyed-list.ts'
import { AppError, isAppError } from '#server/kernel/errors.ts'
import { uuidField } from '#server/kernel/fields.ts'
import { RESTORE } from '#server/kernel/frozen-log.ts'
import { createLog } from '#server/kernel/log.ts'
import { followReplacedFiles } from '../archive/follow.ts'
import { eraseJob, runErasure } from './erasure.ts'

const log = createLog('keeping')
/** Another process of ours may be at it: so long a start waits for it; after that the worker's job goes on alone. */
const PATIENCE_MS = 30_000
const AGAIN_MS = 500

/**
 * Erases the personal values again that were erased and have come back with a backup; answers how many erasures that were. At
 * every start and restore, before the gateway listens. Where it cannot be done now, the worker does it: no start fails by it.
 */
export async function applyErasures(patienceMs = PATIENCE_MS): Promise<number> {
  // What is erased in the archive is erased in the files that it has now.
  await followReplacedFiles()
  let done = 0
  for (const tenantId of tenantsWithDestroyed('erasures')) {
    for (const erasure of await unknownOf(tenantId, readErasures(tenantId))) if (await begin(tenantId, erasure)) done++
    for (const erasureId of await readTransaction(tenantId, ({ sql }) => runningOf(sql, tenantId)))
      await finishSoon(tenantId, erasureId, patienceMs)
  }
  return done
}

/** The erasures that the database knows nothing of; none of an organisation that it does not have. */
function unknownOf(tenantId: string, listed: readonly ListedErasure[]): Promise<ListedErasure[]> {
  return readTransaction(tenantId, async ({ sql }) => {
    if ((await sql('SELECT 1 FROM audit_head WHERE tenant_id = $1::uuid', [tenantId])).length === 0) return []
    const rows = await sql<{ id: string }>('SELECT id::text FROM audit_erasure WHERE tenant_id = $1::uuid', [tenantId])
    const known = new Set(rows.map(({ id }) => id))
    return listed.filter(({ id }) => !known.has(id))
  })
}

async function runningOf(sql: Sql, tenantId: string): Promise<string[]> {
  const rows = await sql<{ id: string }>(
    `SELECT id::text FROM audit_erasure WHERE tenant_id = $1::uuid AND restored AND state = 'running' ORDER BY id`,
    [tenantId],
  )
  return rows.map(({ id }) => id)
}

const eraseAgain = defineCommand({
  action: 'audit.erase',
  name: 'audit.erase.again',
  permission: 'system',
  risk: 'none',
  input: z.object({ id: uuidField(), personId: uuidField(), until: z.string() }),
  execute: async ({ sql, tenantId, input: { id, personId, until } }) => {
    // Not beyond what had been recorded when it was carried out: the restored log goes on with other entries.
    const [inserted] = await sql<{ asOf: string }>(
      `INSERT INTO audit_erasure (tenant_id, id, person_id, as_of, reason, asked_by, state, started_at, restored)
       SELECT $1::uuid, $2::uuid, $3::uuid, least(h.size,
                coalesce((SELECT e.index FROM audit_entry e WHERE e.tenant_id = $1::uuid AND e.recorded_at > $4::text::timestamptz ORDER BY e.index LIMIT 1), h.size)),
              '', $5::text, 'running', $4::text::timestamptz, true
         FROM audit_head h WHERE h.tenant_id = $1::uuid
       ON CONFLICT (tenant_id, id) DO NOTHING RETURNING as_of::text AS "asOf"`,
      [tenantId, id, personId, until, RESTORE],
    )
    if (!inserted) throw new AppError('not_found', { detail: 'Another process is at it.' })
    return {
      result: null,
      audit: {
        action: 'audit.erase',
        outcome: 'pending',
        target: { type: 'person', id: personId },
        correlationId: id,
        detail: { asOf: inserted.asOf, restored: 'true' },
      },
      jobs: [eraseJob(tenantId, id)],
      notify: ['keeping'],
    }
  },
})

async function begin(tenantId: string, { id, personId, until }: ListedErasure): Promise<boolean> {
  try {
    await eraseAgain(systemActor(tenantId, RESTORE), { id, personId, until: until.toISOString() })
    return true
  } catch (error) {
    if (isAppError(error) && error.code === 'not_found') return false
    throw error
  }
}

/** Does it now, or waits until whoever is at it has done it. */
async function finishSoon(tenantId: string, erasureId: string, patienceMs: number): Promise<void> {
  const deadline = performance.now() + patienceMs
  for (;;) {
    const failure = await runErasure({ tenantId, erasureId }).then(
      () => null,
      (error: unknown) => ({ error }),
    )
    if (!failure) return
    if (performance.now() >= deadline)
      return log.warn(
        { err: failure.error, tenantId, erasureId },
        'what a restore brought back is erased by the worker',
      )
    await sleep(AGAIN_MS)
  }
}
