import 'server-only'
import { z } from 'zod'
import { uuidv7 } from '#lib/uuid.ts'
import { actorId } from '#server/kernel/actor.ts'
import { defineCommand } from '#server/kernel/command.ts'
import type { Sql } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import type { Job } from '#server/kernel/jobs.ts'
import { defineQuery } from '#server/kernel/query.ts'
import { listCheckpoints } from '../checkpoints.ts'
import { allPublished } from '../published.ts'
import { readHead } from '../tree.ts'
import type { VerificationRun } from './schema.ts'
import { readVerification, VERIFICATION_TOPIC } from './state.ts'

export const VERIFY_TASK = 'audit.verify'

/** The job that verifies a log; one waits for each organisation, in the order in which they asked, and asking again is harmless. */
export function verifyJob(tenantId: string, verificationId: string): Job {
  return { task: VERIFY_TASK, payload: { tenantId, verificationId }, key: `${VERIFY_TASK}:${tenantId}`, isLast: true }
}

/**
 * Has the worker read the whole log, rebuild its tree and compare it with what was signed; about 20 s for a million entries. While
 * one is under way, whoever asks gets the result of that one. Audit: `audit.verify`, `pending`; the result follows as `allowed` or
 * `failed`. @throws AppError conflict when nothing was signed yet
 */
export const requestVerification = defineCommand({
  action: 'audit.verify',
  permission: 'audit:read',
  risk: 'none',
  input: z.object({}),
  execute: async ({ sql, actor, tenantId, now }) => {
    await requireSigned(sql, tenantId)
    const begun = await sql<{ id: string }>(
      `INSERT INTO audit_verification (tenant_id, id, actor_kind, actor_id, asked_at, state, phase)
       VALUES ($1::uuid, $2::uuid, $3::text, $4::text, $5::text::timestamptz, 'queued', 'entries')
       ON CONFLICT (tenant_id) DO UPDATE SET id = excluded.id, actor_kind = excluded.actor_kind, actor_id = excluded.actor_id,
         asked_at = excluded.asked_at, state = 'queued', phase = 'entries', checked = 0, size = 0, starts = 0,
         finished_at = NULL, result = NULL, problem = NULL
       WHERE audit_verification.state IN ('finished', 'failed') RETURNING id::text`,
      [tenantId, uuidv7(now.getTime()), actor.kind, actorId(actor), now.toISOString()],
    )
    const [joined] = await sql<{ id: string }>('SELECT id::text FROM audit_verification WHERE tenant_id = $1::uuid', [
      tenantId,
    ])
    const id = begun[0]?.id ?? joined?.id ?? ''
    return {
      result: { id },
      audit: { action: 'audit.verify', outcome: 'pending', correlationId: id, detail: { phase: 'request' } },
      jobs: begun.length > 0 ? [verifyJob(tenantId, id)] : [],
      notify: [VERIFICATION_TOPIC],
    }
  },
})

/** @throws AppError conflict */
async function requireSigned(sql: Sql, tenantId: string): Promise<void> {
  if ((await listCheckpoints(sql, tenantId, 1)).length > 0) return
  const { epoch } = await readHead(sql, tenantId)
  // Somebody may have removed them from the database alone.
  for await (const _ of allPublished(tenantId, epoch)) return
  throw new AppError('conflict', {
    detail: 'Nothing was signed yet. A checkpoint follows within ten seconds of the first event.',
  })
}

/** The verification that is under way, or the last one; null before the first. */
export const getVerification = defineQuery({
  name: 'audit.verification',
  permission: 'audit:read',
  input: z.object({}),
  run: ({ sql, tenantId }): Promise<VerificationRun | null> => readVerification(sql, tenantId),
})
