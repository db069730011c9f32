import 'server-only'
import { z } from 'zod'
import { systemActor } from '#server/kernel/actor.ts'
import { ifAlone } from '#server/kernel/alone.ts'
import { defineIrreversible, fingerprint } from '#server/kernel/brake.ts'
import type { BrakeTarget } from '#server/kernel/brake-request.ts'
import { defineCommand } from '#server/kernel/command.ts'
import { readTransaction } from '#server/kernel/db.ts'
import { recordErasure } from '#server/kernel/destroyed-list.ts'
import { AppError, errorCodeOf } from '#server/kernel/errors.ts'
import { uuidField } from '#server/kernel/fields.ts'
import { RESTORE } from '#server/kernel/frozen-log.ts'
import type { Job } from '#server/kernel/jobs.ts'
import { readColdTo } from '../archive/files.ts'
import { withdrawWaiting } from '../archive/rewrite.ts'
import { eachMatch, type MatchesPage } from '../matches.ts'
import { readHead } from '../tree.ts'
import { eraseInArchive } from './erase-archived.ts'
import { questionsAbout, readHolders, readHolds } from './holds.ts'
import { erasePersonal, forgetInIndex, STALE, toRanges } from './remove.ts'
import { keepingRun } from './rules.ts'
import { type ErasurePreview, eraseInput } from './schema.ts'

export const ERASE_TASK = 'audit.erase'

/**
 * Asks for the personal values of a person's events to be erased: what they did, what was done to them, their devices. The events
 * stay with all that is proven; what a hold is about keeps its values. Carried out, it erases what was recorded until then.
 * @throws AppError not_found · conflict while another erasure of the person is under way · step_up_required
 */
export const erasePerson = defineIrreversible({
  name: 'audit.erase',
  actions: {
    request: 'audit.erase.request',
    hold: 'audit.erase.hold',
    release: 'audit.erase.release',
    approve: 'audit.erase.approve',
    cancel: 'audit.erase.cancel',
    carryOut: 'audit.erase',
    expire: 'audit.erase.expire',
  },
  permission: 'admin',
  budget: 'audit-keeping',
  input: eraseInput,
  target: async ({ tx, sql, tenantId, input: { personId: id } }): Promise<BrakeTarget> => {
    if ((await tx.person.count({ where: { tenantId, id } })) === 0)
      throw new AppError('not_found', { detail: 'There is no such person.' })
    const running = await sql(
      `SELECT 1 FROM audit_erasure WHERE tenant_id = $1::uuid AND person_id = $2::uuid AND state = 'running'`,
      [tenantId, id],
    )
    if (running.length > 0)
      throw new AppError('conflict', {
        detail: 'An erasure of this person is under way.',
        extra: { reason: 'running' },
      })
    // No name: it is what is to be erased.
    return { type: 'person', id, name: id, units: 1, fingerprint: fingerprint({ id }) }
  },
  requested: async (_context, request, { type, id }) => ({
    result: { requestId: request.id, state: request.state, notBefore: request.notBefore },
    audit: [
      {
        action: 'audit.erase.request',
        outcome: 'pending',
        target: { type, id },
        reason: request.reason,
        correlationId: request.id,
        detail: { state: request.state },
      },
    ],
    notify: ['keeping'],
  }),
  moved: async () => ({ notify: ['keeping'] }),
  carryOut: async ({ sql, tenantId, input, now }, request) => {
    const { size } = await readHead(sql, tenantId)
    await sql(
      `INSERT INTO audit_erasure (tenant_id, id, person_id, as_of, reason, asked_by, state, started_at)
       VALUES ($1::uuid, $2::uuid, $3::uuid, $4::text::bigint, $5::text, $6::text, 'running', $7::text::timestamptz)`,
      [tenantId, request.id, input.personId, String(size), request.reason, request.requester.name, now.toISOString()],
    )
    return {
      audit: [
        {
          action: 'audit.erase',
          outcome: 'pending',
          target: { type: 'person', id: input.personId },
          reason: request.reason,
          correlationId: request.id,
          detail: { requester: request.requester.name, asOf: String(size) },
        },
      ],
      jobs: [eraseJob(tenantId, request.id)],
      notify: ['keeping'],
    }
  },
})

/** The job that carries an erasure out; queued again while it waits it stays one. */
export function eraseJob(tenantId: string, erasureId: string): Job {
  return { task: ERASE_TASK, payload: { tenantId, erasureId }, key: `${ERASE_TASK}:${erasureId}` }
}

const finish = defineCommand({
  action: 'audit.erase',
  name: 'audit.erase.finish',
  permission: 'system',
  risk: 'none',
  input: z.object({ erasureId: uuidField(), kept: z.number() }),
  execute: async ({ sql, tenantId, input: { erasureId, kept }, now }) => {
    const [done] = await sql<{ person: string; erased: string }>(
      `UPDATE audit_erasure SET state = 'done', finished_at = $3::text::timestamptz, kept = $4::text::bigint WHERE tenant_id = $1::uuid AND id = $2::uuid AND state = 'running'
       RETURNING person_id::text AS person, erased::text`,
      [tenantId, erasureId, now.toISOString(), String(kept)],
    )
    if (!done) throw new AppError('not_found', { detail: 'There is no such erasure under way.' })
    const { person, erased } = done
    return {
      result: { erased: Number(erased), kept },
      audit: {
        action: 'audit.erase',
        target: { type: 'person', id: person },
        correlationId: erasureId,
        detail: { erased, kept: String(kept) },
      },
      notify: ['keeping'],
    }
  },
})

const erasePayload = z.object({ tenantId: uuidField(), erasureId: uuidField() })

/** Does an erasure that was carried out; called again after a crash it goes over the same events, which is harmless. */
export async function runErasure(payload: unknown): Promise<void> {
  const { tenantId, erasureId } = erasePayload.parse(payload)
  // What is in the archive stays there meanwhile, and what is not stays in the tables.
  const wasAlone = await ifAlone(keepingRun(tenantId), async () => {
    const erasure = await readRunning(tenantId, erasureId)
    if (!erasure) return true
    // Before anything goes: if we die after it, an older backup still cannot bring back what this erases.
    recordErasure(tenantId, { id: erasureId, personId: erasure.personId, until: erasure.until })
    await withdrawWaiting(tenantId)
    await eraseAll(tenantId, erasureId, erasure)
    return true
  })
  if (!wasAlone) throw new Error('a purge or the archive is under way: trying again')
}

type Running = { personId: string; until: Date; isRestored: boolean; asOf: number; questions: string[]; coldTo: number }

function readRunning(tenantId: string, erasureId: string): Promise<Running | undefined> {
  return readTransaction(tenantId, async ({ sql }) => {
    const [row] = await sql<{ person: string; asOf: string; until: Date | string; restored: boolean }>(
      `SELECT person_id::text AS person, as_of::text AS "asOf", started_at AS until, restored FROM audit_erasure WHERE tenant_id = $1::uuid AND id = $2::uuid AND state = 'running'`,
      [tenantId, erasureId],
    )
    if (!row) return undefined
    const coldTo = await readColdTo(sql, tenantId)
    return {
      personId: row.person,
      until: new Date(row.until),
      isRestored: row.restored,
      asOf: Number(row.asOf),
      questions: await questionsAbout(sql, tenantId, row.person),
      coldTo,
    }
  })
}

/** In the order of the log. */
const EVERYWHERE = { from: undefined, to: undefined, order: 'oldest' } as const

async function eraseAll(tenantId: string, erasureId: string, running: Running): Promise<void> {
  const { asOf, questions, coldTo, isRestored } = running
  const kept = new Set<number>()
  const erased: number[] = []
  const archived = new Set<number>()
  for (const q of questions)
    for await (const { items } of eachMatch(tenantId, { ...EVERYWHERE, q, asOf, fetchMs: Number.POSITIVE_INFINITY })) {
      for (const { index } of items) if (index < coldTo) archived.add(index)
      const hot = items.filter(({ index }) => index >= coldTo)
      erased.push(...(await erasePage(tenantId, erasureId, hot, kept)))
    }
  await eraseInArchive(tenantId, { erasureId, indexes: [...archived].sort((a, b) => a - b) }, kept)
  // What is not there any more must not be found by it either.
  if (!(await forgetInIndex(tenantId, toRanges(erased.toSorted((a, b) => a - b)))))
    throw new Error('somebody else is at the index: trying again')
  await finish(systemActor(tenantId, isRestored ? RESTORE : 'keeping'), { erasureId, kept: kept.size })
}

const MOST_RETRIES = 5

/** `kept` holds what holds kept so far: an event that two questions find counts once. */
async function erasePage(
  tenantId: string,
  erasureId: string,
  items: MatchesPage['items'],
  kept: Set<number>,
): Promise<readonly number[]> {
  for (let attempt = 1; ; attempt++) {
    const { revision, holds } = await readHolds(tenantId)
    // Who asked for it, and why, stays to be read.
    const about = items.filter(({ entry }) => entry.correlationId !== erasureId)
    const known = about.filter(({ personal }) => personal !== undefined)
    const holdersOf = readHolders(holds)
    const held = known.filter(({ entry, personal }) => holdersOf(entry, personal).length > 0)
    const isHeld = new Set(held.map(({ index }) => index))
    const indexes = known.map(({ index }) => index).filter((index) => !isHeld.has(index))
    try {
      await erasePersonal(tenantId, { erasureId, revision, indexes })
    } catch (error) {
      if (errorCodeOf(error) !== STALE || attempt > MOST_RETRIES) throw error
      continue
    }
    for (const index of isHeld) kept.add(index)
    // What an earlier attempt erased as well: the index is built anew for all of them at the end.
    return about.map(({ index }) => index).filter((index) => !isHeld.has(index))
  }
}

/** What erasing a person's values would hit now, counted for a while. */
export async function previewErasure(tenantId: string, personId: string, budgetMs = 3_000): Promise<ErasurePreview> {
  const deadline = performance.now() + budgetMs
  const questions = await readTransaction(tenantId, ({ sql }) => questionsAbout(sql, tenantId, personId))
  const { holds } = await readHolds(tenantId)
  const holdersOf = readHolders(holds)
  const [events, kept, names] = [new Set<number>(), new Set<number>(), new Set<string>()]
  const counted = (partial: boolean) => ({ events: events.size, kept: kept.size, holds: [...names], partial })
  for (const q of questions)
    for await (const { items } of eachMatch(tenantId, { ...EVERYWHERE, q })) {
      for (const { index, entry, personal } of items) {
        if (personal === undefined) continue
        const holders = holdersOf(entry, personal)
        for (const { name } of holders) names.add(name)
        const set = holders.length > 0 ? kept : events
        set.add(index)
      }
      if (performance.now() > deadline) return counted(true)
    }
  return counted(false)
}
