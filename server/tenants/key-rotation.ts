import 'server-only'
import { z } from 'zod'
import { uuidv7 } from '#lib/uuid.ts'
import { actorName, systemActor } from '#server/kernel/actor.ts'
import { type CommandContext, type CommandOutcome, defineCommand } from '#server/kernel/command.ts'
import { readTransaction, type Sql } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { uuidField } from '#server/kernel/fields.ts'
import { createDataKey, forgetDataKeys } from '#server/kernel/keys.ts'
import { countColumnsElsewhere, countElsewhere, type DamagedValue, resealBatch, resealJobs } from './reseal.ts'
import type { RotationState } from './schema.ts'

/** Values sealed anew in one transaction: short enough that nobody waits for its row locks. */
const BATCH = 500
/** A rotation that nothing moved for this long lost its job; somebody else goes on with it. */
const STALLED_MS = 60_000

export type RotationStep = { rotationId: string; state: RotationState; done: number; total: number }

/**
 * Gives the organisation a new data key: current from the commit on, while everything under the older ones is sealed anew by the
 * background process, step by step; then the older ones are destroyed. @throws AppError conflict while a rotation runs
 */
export const rotateTenantKey = defineCommand({
  action: 'key.rotate',
  permission: 'admin',
  risk: 'guard',
  input: z.strictObject({}),
  execute: async (context): Promise<CommandOutcome<RotationStep>> => {
    const { tx, sql, tenantId, actor, now } = context
    if (await tx.keyRotation.findFirst({ where: { tenantId, state: 'running' }, select: { id: true } }))
      throw isRunning()
    // Waits for those who are storing a value under it now: from here on nobody does.
    const [before] = await sql<{ id: string }>(
      `UPDATE tenant_key SET retired_at = $2::text::timestamptz WHERE tenant_id = $1::uuid AND purpose = 'data' AND retired_at IS NULL RETURNING id::text`,
      [tenantId, now.toISOString()],
    )
    // Of two at once the second finds no current key: the first has just made another one.
    if (!before) throw isRunning()
    const keyId = await createDataKey(tx, tenantId)
    const total = await countElsewhere(sql, tenantId, keyId)
    const id = uuidv7(now.getTime())
    await tx.keyRotation.create({
      data: {
        tenantId,
        id,
        keyId,
        state: 'running',
        total,
        damaged: [],
        startedBy: actorName(actor),
        startedAt: now,
        updatedAt: now,
      },
      select: { id: true },
    })
    const detail = { key: 'data', phase: 'started', replaces: before.id, values: String(total) }
    return {
      result: { rotationId: id, state: 'running', done: 0, total },
      audit: {
        action: 'key.rotate',
        outcome: 'pending',
        target: { type: 'key', id: keyId },
        correlationId: id,
        detail,
      },
      jobs: [{ task: 'keys.reseal', payload: { tenantId }, key: `keys:${tenantId}` }],
    }
  },
})

function isRunning(): AppError {
  return new AppError('conflict', { detail: 'A rotation is running already.', extra: { reason: 'running' } })
}

type Rotation = {
  id: string
  keyId: string
  state: RotationState
  total: number
  done: number
  damaged: DamagedValue[]
}
type Step = CommandContext<{ rotationId: string }>

/** One step: a batch of values, or the end. Dying in it leaves the step before; two at once take turns. */
export const resealStep = defineCommand({
  action: 'key.rotate',
  name: 'key.reseal',
  permission: 'system',
  risk: 'none',
  input: z.strictObject({ rotationId: uuidField() }),
  execute: async (context: Step): Promise<CommandOutcome<RotationStep>> => {
    const rotation = await lockRotation(context.sql, context.tenantId, context.input.rotationId)
    if (rotation.state !== 'running')
      throw new AppError('conflict', {
        detail: `This rotation is ${rotation.state}.`,
        extra: { state: rotation.state },
      })
    const { keyId, damaged: known } = rotation
    const { values, damaged } = await resealBatch(context, { keyId, limit: BATCH, known })
    const jobs = values > 0 ? [] : await resealJobs(context, keyId)
    const moved = values + jobs.length
    if (moved === 0 && damaged.length === 0) return finish(context, rotation)
    const next = { ...rotation, done: rotation.done + moved, damaged: [...known, ...damaged] }
    await save(context, next)
    const progress = { done: String(next.done), values: String(rotation.total), damaged: String(next.damaged.length) }
    return { ...entryOf(next, 'pending', { phase: 'progress', ...progress }), jobs }
  },
})

/** Nothing is left to seal: checked once more under the lock that every sealing waits for, then the older keys are destroyed. */
async function finish(context: Step, rotation: Rotation): Promise<CommandOutcome<RotationStep>> {
  const { sql, tenantId, now } = context
  const older = await sql<{ id: string }>(
    `SELECT id::text FROM tenant_key WHERE tenant_id = $1::uuid AND purpose = 'data' AND retired_at IS NOT NULL AND destroyed_at IS NULL FOR UPDATE`,
    [tenantId],
  )
  const left = await countColumnsElsewhere(sql, tenantId, rotation.keyId)
  // What was stored before the rotation began and committed after we looked: the next step takes it.
  if (left > rotation.damaged.length) return entryOf(rotation, 'pending', { phase: 'progress', left: String(left) })
  if (left > 0) return block(context, rotation, left)
  await sql(
    `UPDATE tenant_key SET wrapped = NULL, destroyed_at = $2::text::timestamptz
      WHERE tenant_id = $1::uuid AND purpose = 'data' AND retired_at IS NOT NULL AND destroyed_at IS NULL`,
    [tenantId, now.toISOString()],
  )
  const done: Rotation = { ...rotation, state: 'done' }
  await save(context, done)
  return entryOf(done, 'allowed', {
    phase: 'completed',
    resealed: String(done.done),
    values: String(done.total),
    destroyed: older.map(({ id }) => id),
  })
}

/** What does not open would be lost for good with the key it may be sealed under: the older keys stay until somebody has looked. */
async function block(context: Step, rotation: Rotation, left: number): Promise<CommandOutcome<RotationStep>> {
  const blocked: Rotation = { ...rotation, state: 'blocked' }
  await save(context, blocked)
  return entryOf(blocked, 'failed', {
    phase: 'blocked',
    left: String(left),
    damaged: rotation.damaged.slice(0, 50).map(({ table, column, key }) => `${table}.${column} ${key}`),
  })
}

function entryOf(
  rotation: Rotation,
  outcome: 'allowed' | 'pending' | 'failed',
  detail: Record<string, string | string[]>,
): CommandOutcome<RotationStep> {
  const { id, keyId, state, done, total } = rotation
  return {
    result: { rotationId: id, state, done, total },
    audit: {
      action: 'key.rotate',
      outcome,
      target: { type: 'key', id: keyId },
      correlationId: id,
      detail: { key: 'data', ...detail },
    },
  }
}

const damagedValues = z.array(z.object({ table: z.string(), column: z.string(), key: z.string() }))

async function lockRotation(sql: Sql, tenantId: string, rotationId: string): Promise<Rotation> {
  const [row] = await sql<Omit<Rotation, 'damaged'> & { damaged: string }>(
    `SELECT id::text, key_id::text AS "keyId", state, total, done, damaged::text FROM key_rotation
      WHERE tenant_id = $1::uuid AND id = $2::uuid FOR UPDATE`,
    [tenantId, rotationId],
  )
  if (!row) throw new AppError('not_found', { detail: 'There is no such rotation.' })
  return { ...row, damaged: damagedValues.parse(JSON.parse(row.damaged)) }
}

async function save({ sql, tenantId, now }: Step, { id, state, done, damaged }: Rotation): Promise<void> {
  const at = now.toISOString()
  await sql(
    `UPDATE key_rotation SET state = $3::text, done = $4::int, damaged = $5::text::jsonb, updated_at = $6::text::timestamptz,
            finished_at = $7::text::timestamptz WHERE tenant_id = $1::uuid AND id = $2::uuid`,
    [tenantId, id, state, done, JSON.stringify(damaged), at, state === 'running' ? null : at],
  )
}

/** Goes on with the organisation's rotation to its end; null where none runs. `onStep` hears of each step. */
export async function continueRotation(
  tenantId: string,
  onStep: (step: RotationStep) => void = () => {},
): Promise<RotationStep | null> {
  const running = await readTransaction(tenantId, ({ tx }) =>
    tx.keyRotation.findFirst({ where: { tenantId, state: 'running' }, select: { id: true } }),
  )
  if (!running) return null
  for (;;) {
    const step = await resealStep(systemActor(tenantId, 'keys'), { rotationId: running.id }).catch(
      async (error: unknown) => {
        const ended = await endedStep(tenantId, running.id)
        // Another process took the last step while we waited for it.
        if (ended) return ended
        throw error
      },
    )
    onStep(step)
    if (step.state === 'running') continue
    // Destroyed keys leave this process's memory, too.
    forgetDataKeys(tenantId)
    return step
  }
}

async function endedStep(tenantId: string, rotationId: string): Promise<RotationStep | null> {
  const row = await readTransaction(tenantId, ({ tx }) =>
    tx.keyRotation.findFirst({
      where: { tenantId, id: rotationId, state: { not: 'running' } },
      select: { state: true, done: true, total: true },
    }),
  )
  return row ? { rotationId, ...row, state: row.state as RotationState } : null
}

/** Whether the organisation's rotation lost its job: a process that died took it along. */
export async function isStalled(tenantId: string, at: Date): Promise<boolean> {
  const where = { tenantId, state: 'running', updatedAt: { lt: new Date(at.getTime() - STALLED_MS) } }
  return readTransaction(tenantId, async ({ tx }) => (await tx.keyRotation.count({ where })) > 0)
}
