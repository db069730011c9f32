import 'server-only'
import { now } from '#server/kernel/clock.ts'
import { readTransaction } from '#server/kernel/db.ts'
import { errorCodeOf, isAppError } from '#server/kernel/errors.ts'
import { createLog } from '#server/kernel/log.ts'
import { ColdFileProblem } from '../archive/problem.ts'
import { sweepArchive, withdrawWaiting } from '../archive/rewrite.ts'
import { AlteredEntry, certify } from './certificate.ts'
import { alone, Gathering, type Place, PURGE_EVENTS, readSituation, type Situation, type Step } from './gathering.ts'
import { eachExpired } from './plan.ts'
import { isAsPlanned, planAgain } from './planned-again.ts'
import {
  abandonPurge,
  finishPurge,
  type OpenPurge,
  openPurges,
  type PlannedPurge,
  recordPurge,
} from './purge-record.ts'
import { forgetInIndex, REFUSED, removeEntries, STALE } from './remove.ts'
import { purgeBefore } from './rules.ts'
import { KEEPING_CLASSES, type KeepingClass } from './schema.ts'

const log = createLog('keeping')

/** Rules or holds that change this often while a purge is planned: the next night tries again. */
const MOST_RETRIES = 5

/** Where a purge has come; tests end the process there. */
export type PurgeStep = 'planned' | 'recorded' | 'removed' | 'forgotten'
export type PurgeOptions = { purgeEvents?: number; onStep?: (step: PurgeStep) => void | Promise<void> }

/**
 * Removes what has expired and nobody holds, and answers how much went. Each purge is first planned from the log, then written
 * down in it, then removed with a certificate, then forgotten by the search; a process that dies anywhere goes on there the next
 * time. One at a time for each organisation: whoever comes second has nothing to do.
 */
export async function purgeTenant(tenantId: string, options: PurgeOptions = {}): Promise<{ events: number }> {
  const events = await alone(tenantId, async () => {
    await sweepArchive(tenantId)
    let sum = await finishOpen(tenantId, options)
    for (const name of KEEPING_CLASSES) sum += await purgeClass(tenantId, name, options)
    await forgetRemoved(tenantId, options)
    return sum
  })
  return { events: events ?? 0 }
}

async function finishOpen(tenantId: string, options: PurgeOptions): Promise<number> {
  let events = 0
  for (const purge of await readOpen(tenantId)) {
    if (purge.state !== 'recorded' || !(await isConfirmed(tenantId, purge))) continue
    if ((await remove(tenantId, purge, options)) === 'removed') events += purge.events
  }
  return events
}

/** What a crash left is carried out only where it is still what would be planned; otherwise it is withdrawn. */
async function isConfirmed(tenantId: string, purge: OpenPurge): Promise<boolean> {
  const situation = await readSituation(tenantId)
  if (!situation) return false
  const again = await planAgain(situation, purge)
  if (again === 'same') return true
  const { id, class: name } = purge
  if (again !== 'changed') contradicted(tenantId, purge)
  const why = typeof again === 'string' ? { why: again } : { why: 'altered' as const, index: again.altered }
  await abandonPurge(tenantId, { id, class: name, ...why })
  return false
}

function contradicted(tenantId: string, { id, class: name }: OpenPurge): void {
  const alarm = 'audit.purge.contradicted'
  log.error({ tenantId, purge: id, class: name, alarm }, 'what is recorded of a purge is not what would be removed')
}

function readOpen(tenantId: string): Promise<OpenPurge[]> {
  return readTransaction(tenantId, ({ sql }) => openPurges(sql, tenantId))
}

/**
 * The search and files of the archive that wait forget what was removed, all of a night at once. If the process dies before it is noted,
 * they forget it again.
 */
async function forgetRemoved(tenantId: string, options: PurgeOptions): Promise<void> {
  const removed = (await readOpen(tenantId)).filter(({ state }) => state === 'removed')
  const places = removed.flatMap((purge) => purge.removed)
  await withdrawWaiting(tenantId, places)
  const isForgotten = await forgetInIndex(tenantId, places)
  // Somebody else is at the index: until the next night a count may be too high by what is gone.
  if (!isForgotten) return
  await options.onStep?.('forgotten')
  for (const { id } of removed) await finishPurge(tenantId, id)
}

async function purgeClass(tenantId: string, name: KeepingClass, options: PurgeOptions): Promise<number> {
  let [events, retries] = [0, 0]
  let after: Place | null = null
  for (;;) {
    const situation = await readSituation(tenantId)
    if (!situation) {
      log.warn({ tenantId, class: name }, 'nothing is removed from a log that is not the one that was signed')
      return events
    }
    const step = await plan(situation, name, after, options)
    if (!step) return events
    if (step.planned) {
      await options.onStep?.('planned')
      const outcome = await attempt(situation, step.planned, options)
      if (outcome === 'altered' || (outcome === 'changed' && ++retries > MOST_RETRIES)) return events
      if (outcome === 'changed') continue
      events += step.planned.removed.length
    }
    if (step.isLast) return events
    after = step.last
  }
}

/** The next stretch of what has expired; null when there is none. Throws nothing for an altered entry: that ends the class. */
async function plan(
  situation: Situation,
  name: KeepingClass,
  after: Place | null,
  options: PurgeOptions,
): Promise<Step | null> {
  const { tenantId, rules, holds, signed } = situation
  const days = rules[name]
  const before = purgeBefore(days, now())
  if (days === null || before === null) return null
  const gathering = new Gathering(situation, { class: name, days })
  try {
    for await (const page of eachExpired({
      tenantId,
      class: name,
      before,
      size: signed.size,
      holds,
      after,
      texts: true,
    })) {
      await gathering.add(page)
      if (gathering.events >= (options.purgeEvents ?? PURGE_EVENTS) && !page.isWithinFile) break
    }
  } catch (error) {
    if (!(error instanceof AlteredEntry)) throw error
    log.error({ tenantId, class: name, index: error.index, alarm: 'audit.entry.altered' }, error.message)
    await abandonPurge(tenantId, { id: null, class: name, why: 'altered', index: error.index })
    return null
  }
  return gathering.step(options.purgeEvents ?? PURGE_EVENTS)
}

/** `changed`: rules or holds did under it, and it is planned again; `altered`: what is kept is not what was published. */
type Outcome = 'removed' | 'changed' | 'altered'

async function attempt({ tenantId }: Situation, planned: PlannedPurge, options: PurgeOptions): Promise<Outcome> {
  try {
    await recordPurge(tenantId, planned)
  } catch (error) {
    if (isAppError(error) && error.code === 'conflict') return 'changed'
    throw error
  }
  await options.onStep?.('recorded')
  const purge = (await readOpen(tenantId)).find(({ id }) => id === planned.id)
  if (purge?.state !== 'recorded') return 'changed'
  if (isAsPlanned(purge, planned)) return remove(tenantId, purge, options)
  contradicted(tenantId, purge)
  await abandonPurge(tenantId, { id: purge.id, class: purge.class, why: 'contradicted' })
  return 'changed'
}

/** Does what was recorded. If the process dies before the removal is committed nothing has gone. */
async function remove(tenantId: string, purge: OpenPurge, options: PurgeOptions): Promise<Outcome> {
  const situation = await readSituation(tenantId)
  if (!situation) return 'changed'
  const { head, signed } = situation
  const certificate = await certify({ tenantId, purge, checkpoint: signed.note, head, now: now() })
  try {
    const { id: purgeId, removed } = purge
    const events = await removeEntries(tenantId, { purgeId, removed, head, certificate })
    log.info({ tenantId, class: purge.class, events }, 'expired entries were removed')
  } catch (error) {
    if (error instanceof ColdFileProblem) return giveUp(tenantId, purge, error)
    const code = errorCodeOf(error)
    if (code !== STALE && code !== REFUSED) throw error
    if (code === REFUSED)
      log.error({ tenantId, err: error, alarm: 'audit.purge.contradicted' }, 'the database refused a purge')
    const why = code === STALE ? 'changed' : 'contradicted'
    await abandonPurge(tenantId, { id: purge.id, class: purge.class, why })
    return 'changed'
  }
  await options.onStep?.('removed')
  return 'removed'
}

/** A file of the archive is not what it should be: it stays, as evidence. */
async function giveUp(tenantId: string, purge: OpenPurge, { index, message }: ColdFileProblem): Promise<Outcome> {
  log.error({ tenantId, class: purge.class, index, alarm: 'audit.entry.altered' }, message)
  const where = index === null ? {} : { index }
  await abandonPurge(tenantId, { id: purge.id, class: purge.class, why: 'altered', ...where })
  return 'altered'
}
