import 'server-only'
import { z } from 'zod'
import { type Actor, systemActor } from '#server/kernel/actor.ts'
import { now } from '#server/kernel/clock.ts'
import { defineCommand } from '#server/kernel/command.ts'
import { readTransaction } from '#server/kernel/db.ts'
import { uuidField } from '#server/kernel/fields.ts'
import { createLog } from '#server/kernel/log.ts'
import { defineQuery } from '#server/kernel/query.ts'
import { type IntegrityError, isIntegrityError } from './chunks.ts'
import { readFileView } from './rows.ts'
import type { DamagedFiles } from './schema.ts'

const log = createLog('content')

/** A device that asks again and again says nothing new. */
const SAID_AGAIN_AFTER_MS = 10 * 60_000

/** The alert: in a command of its own, so that it stands when whatever found the damage has failed and left nothing. */
const recordDamage = defineCommand({
  action: 'file.integrity',
  permission: 'system',
  risk: 'none',
  input: z.strictObject({ fileId: uuidField(), problem: z.string().max(500) }),
  target: ({ fileId }) => ({ type: 'file', id: fileId }),
  execute: async (context) => {
    const { tx, tenantId, input, now: damagedAt } = context
    const { id, name, labels, rootId } = await readFileView(context, input.fileId)
    await tx.file.updateMany({ where: { tenantId, id, damagedAt: null }, data: { damagedAt } })
    return {
      result: null,
      audit: {
        action: 'file.integrity',
        outcome: 'failed',
        target: { type: 'file', id, name },
        labels,
        detail: { problem: input.problem },
        ...(rootId === id ? {} : { correlationId: rootId }),
      },
    }
  },
})

/**
 * Runs what opens a stored content. Where it does not open, the alert is raised (`file.integrity`, and the file is marked) after
 * `work` has failed and let go of its locks; then the failure goes on. Call it around the command, never inside.
 */
export async function alertingDamage<T>(
  { tenantId }: Pick<Actor, 'tenantId'>,
  fileId: string | undefined,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const damage = damageIn(error)
    // The alert must not hide what happened: it is tried, and its own failure is for our log.
    if (damage)
      await raise(tenantId, fileId, damage).catch((err: unknown) =>
        log.error({ err, damage, fileId }, 'damaged content could not be recorded'),
      )
    throw error
  }
}

/** The damage inside an error that was answered in other words. */
function damageIn(error: unknown): IntegrityError | undefined {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 6; depth++, cause = cause.cause)
    if (isIntegrityError(cause)) return cause
  return undefined
}

async function raise(tenantId: string, asked: string | undefined, damage: IntegrityError): Promise<void> {
  const fileId = await findDamaged(tenantId, asked, damage.contentId)
  if (!fileId || wasSaid(tenantId, fileId)) return
  log.error({ tenantId, fileId, alarm: 'file.integrity' }, damage.message)
  await recordDamage(systemActor(tenantId, 'integrity'), { fileId, problem: damage.message })
}

/** The file that was asked for, where it still is one; else the root over the content, or over what was made of it to be shown. */
async function findDamaged(
  tenantId: string,
  asked: string | undefined,
  contentId: string,
): Promise<string | undefined> {
  const [found] = await readTransaction(tenantId, ({ sql }) =>
    sql<{ id: string }>(
      `SELECT f.id::text FROM file f
        WHERE f.tenant_id = $1::uuid AND f.status <> 'deleted' AND (f.id = $2::text::uuid OR f.id = $3::uuid
           OR f.id IN (SELECT r.content_id FROM file_rendition r WHERE r.tenant_id = $1::uuid AND r.rendition_content_id = $3::uuid))
        ORDER BY f.id = $2::text::uuid DESC NULLS LAST LIMIT 1`,
      [tenantId, asked ?? null, contentId],
    ),
  )
  return found?.id
}

const said = new Map<string, number>()

/** As far as this process knows: two processes may each say it once. */
function wasSaid(tenantId: string, fileId: string): boolean {
  const at = now().getTime()
  const key = `${tenantId}/${fileId}`
  const last = said.get(key)
  if (last !== undefined && at - last < SAID_AGAIN_AFTER_MS) return true
  for (const [other, time] of said) if (at - time >= SAID_AGAIN_AFTER_MS) said.delete(other)
  said.set(key, at)
  return false
}

const SHOWN = 50

/** Files whose stored content is known not to open, latest first, at most 50. Index: file_damaged. */
export const listDamagedFiles = defineQuery({
  name: 'file.damaged',
  permission: 'content:read',
  input: z.strictObject({}),
  run: async ({ tx, tenantId }): Promise<DamagedFiles> => ({
    items: await tx.file.findMany({
      where: { tenantId, damagedAt: { not: null }, status: { not: 'deleted' } },
      select: { id: true, name: true },
      orderBy: [{ damagedAt: 'desc' }, { id: 'desc' }],
      take: SHOWN,
    }),
  }),
})
