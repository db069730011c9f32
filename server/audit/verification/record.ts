import 'server-only'
import { z } from 'zod'
import { type ActorKind, systemActor } from '#server/kernel/actor.ts'
import { defineCommand } from '#server/kernel/command.ts'
import { AppError } from '#server/kernel/errors.ts'
import { uuidField } from '#server/kernel/fields.ts'
import type { Verification, VerificationProblem } from './schema.ts'
import { VERIFICATION_TOPIC } from './state.ts'

type Asker = { kind: ActorKind; id: string; name: string | null }

const finish = defineCommand({
  action: 'audit.verify',
  name: 'audit.verify.finish',
  permission: 'system',
  risk: 'none',
  input: z.object({
    verificationId: uuidField(),
    result: z.string().nullable(),
    problem: z.string().nullable(),
    outcome: z.enum(['allowed', 'failed']),
    detail: z.record(z.string(), z.string()),
  }),
  execute: async ({ sql, tenantId, input: { verificationId: id, result, problem, outcome, detail }, now }) => {
    const [asker] = await sql<Asker>(
      `UPDATE audit_verification v SET state = CASE WHEN $3::text IS NULL THEN 'failed' ELSE 'finished' END,
              result = $3::text, problem = $4::text, finished_at = $5::text::timestamptz
        WHERE v.tenant_id = $1::uuid AND v.id = $2::uuid AND v.state = 'running'
       RETURNING v.actor_kind AS kind, v.actor_id AS id,
                 (SELECT p.name FROM person p WHERE p.tenant_id = v.tenant_id AND v.actor_kind = 'person' AND p.id::text = v.actor_id) AS name`,
      [tenantId, id, result, problem, now.toISOString()],
    )
    // Silent: somebody else has ended it, and written that down.
    if (!asker) throw new AppError('not_found', { detail: 'This verification is over already.' })
    const { kind, id: askerId, name } = asker
    return {
      result: null,
      // Whoever asked for it verified the log; the worker only did the work.
      audit: {
        action: 'audit.verify',
        outcome,
        correlationId: id,
        actor: { kind, id: askerId, name: name ?? askerId },
        detail,
      },
      notify: [VERIFICATION_TOPIC],
    }
  },
})

type Ended = { size: number; result: Verification } | { problem: VerificationProblem }

/** Writes down what was found, in the log and for the page, at once. Audit: `audit.verify`. */
export async function recordVerification(tenantId: string, verificationId: string, ended: Ended): Promise<void> {
  await finish(systemActor(tenantId, 'verification'), {
    verificationId,
    ...('problem' in ended
      ? { result: null, problem: ended.problem, outcome: 'failed', detail: { problem: ended.problem } }
      : {
          result: JSON.stringify(ended.result),
          problem: null,
          outcome: ended.result.ok ? 'allowed' : 'failed',
          detail: detailOf(ended.size, ended.result),
        }),
  })
}

function detailOf(size: number, result: Verification): Record<string, string> {
  if (result.ok) return { size: String(size) }
  const { code, reason, index } = result
  return { size: String(size), code, reason, ...(index !== null && { index: String(index) }) }
}
