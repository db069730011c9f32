import 'server-only'
import { uuidv7 } from '#lib/uuid.ts'
import { prepareAsk } from '#server/audit/queries.ts'
import { actorId } from '#server/kernel/actor.ts'
import { defineCommand } from '#server/kernel/command.ts'
import type { Sql } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { exportTurns } from './job-key.ts'
import { readExport, type StoredExport } from './rows.ts'
import { type ExportView, exportIdInput, exportInput, isUnfinished, MOST_UNFINISHED } from './schema.ts'
import { isShownTo, seeingOf } from './shown.ts'

/**
 * Asks for an export of everything that matches; the worker makes it. Audit: `audit.export`, with the question.
 * @throws AppError query_invalid · invalid · rate_limited with five unfinished ones
 */
export const requestExport = defineCommand({
  action: 'audit.export',
  permission: 'audit:export',
  risk: 'none',
  input: exportInput,
  execute: async ({ sql, actor, tenantId, input, now }) => {
    const { format, from, timeZone, to } = input
    const { q, matching, masked, unmasking, asOf } = await prepareAsk(sql, actor, input)
    await requireRoom(sql, tenantId, [actor.kind, actorId(actor)])
    const id = uuidv7(now.getTime())
    await sql(
      `INSERT INTO audit_export (tenant_id, id, actor_kind, actor_id, q, matching, from_time, to_time, format, time_zone, as_of, masked, created_at, unmasking_id, unmask_reason)
       VALUES ($1::uuid, $2::uuid, $3::text, $4::text, $5::text, $6::text, $7::text, $8::text, $9::text, $10::text, $11::text::bigint, $12::boolean, $13::text::timestamptz, $14::text::uuid, $15::text)`,
      [
        ...[tenantId, id, actor.kind, actorId(actor), q, matching, from ?? null, to ?? null],
        ...[
          format,
          timeZone,
          String(asOf),
          masked,
          now.toISOString(),
          unmasking?.id ?? null,
          unmasking?.reason ?? null,
        ],
      ],
    )
    const { view } = await readExport(sql, tenantId, id, actor)
    return {
      result: { ...view, isShown: true } satisfies ExportView,
      audit: {
        action: 'audit.export',
        target: { type: 'export', id },
        detail: { phase: 'request', ...detailOf(view) },
      },
      jobs: exportTurns(tenantId),
      notify: ['export'],
    }
  },
})

/** Stops an export that is not ready. Audit: `audit.export`. @throws AppError not_found · conflict when it is over */
export const cancelExport = defineCommand({
  action: 'audit.export',
  name: 'audit.export.cancel',
  permission: 'audit:export',
  risk: 'none',
  input: exportIdInput,
  target: ({ exportId: id }) => ({ type: 'export', id }),
  execute: async ({ sql, actor, tenantId, input: { exportId: id }, now }) => {
    const { view } = await readExport(sql, tenantId, id, actor)
    if (!isUnfinished(view)) throw new AppError('conflict', { detail: `The export is ${view.state} already.` })
    await sql(
      'UPDATE audit_export SET cancelled_at = coalesce(cancelled_at, $3::text::timestamptz) WHERE tenant_id = $1::uuid AND id = $2::uuid',
      [tenantId, id, now.toISOString()],
    )
    return {
      result: null,
      audit: { action: 'audit.export', target: { type: 'export', id }, detail: { phase: 'cancel' } },
      notify: ['export'],
    }
  },
})

/**
 * Written down before the first byte leaves: who has which export, whether it holds names, and for which reason. Audit: `audit.export`.
 * @throws AppError not_found · conflict · gone · forbidden
 */
export const recordDownload = defineCommand({
  action: 'audit.export',
  name: 'audit.export.download',
  permission: 'audit:export',
  risk: 'none',
  input: exportIdInput,
  target: ({ exportId: id }) => ({ type: 'export', id }),
  execute: async ({ sql, actor, tenantId, input: { exportId: id } }) => {
    const found = await readExport(sql, tenantId, id, actor)
    const { view } = found
    requireReady(view)
    const seeing = await seeingOf(sql, actor)
    if (!isShownTo(found, seeing))
      throw new AppError('forbidden', {
        detail: 'The export holds names, which you may not see now. Make another one.',
      })
    return {
      result: null,
      audit: {
        action: 'audit.export',
        target: { type: 'export', id },
        // Everybody named has an entry since it was made; who has the file now, and why, says this one.
        ...(!view.masked &&
          seeing.unmasking && { correlationId: seeing.unmasking.id, reason: seeing.unmasking.reason }),
        detail: {
          phase: 'download',
          ...detailOf(view),
          ...(!view.masked && { names: 'true' }),
          events: String(view.events),
        },
      },
    }
  },
})

/** @throws AppError conflict · gone */
export function requireReady({ state }: Pick<ExportView, 'state'>): void {
  if (state === 'ready') return
  if (state === 'expired') throw new AppError('gone', { detail: 'The export has expired. Make it again.' })
  throw new AppError('conflict', { detail: `The export is ${state}, not ready.` })
}

function detailOf({ q, from, to, format, asOf, masked }: StoredExport['view']) {
  return {
    query: q,
    ...(from && { from }),
    ...(to && { to }),
    format,
    asOf: String(asOf),
    ...(masked && { masked: 'true' }),
  }
}

/** Each takes disk and the worker's time. Index: audit_export_own. @throws AppError rate_limited */
async function requireRoom(sql: Sql, tenantId: string, owner: readonly [kind: string, id: string]): Promise<void> {
  const [row] = await sql<{ count: number }>(
    `SELECT count(*)::int AS count FROM audit_export e LEFT JOIN audit_export_run r ON r.tenant_id = e.tenant_id AND r.id = e.id
      WHERE e.tenant_id = $1::uuid AND e.actor_kind = $2::text AND e.actor_id = $3::text AND e.cancelled_at IS NULL
        AND coalesce(r.state, 'running') IN ('running', 'sealing')`,
    [tenantId, ...owner],
  )
  if ((row?.count ?? 0) < MOST_UNFINISHED) return
  throw new AppError('rate_limited', {
    detail: `${MOST_UNFINISHED} exports of yours are not ready yet: wait for one, or cancel one.`,
    retryAfter: 30,
  })
}
