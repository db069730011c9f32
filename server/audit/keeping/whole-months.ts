import 'server-only'
import { setTimeout as sleep } from 'node:timers/promises'
import { now } from '#server/kernel/clock.ts'
import { readTransaction } from '#server/kernel/db.ts'
import { errorCodeOf, isAppError } from '#server/kernel/errors.ts'
import { createLog } from '#server/kernel/log.ts'
import { AlteredEntry, certify } from './certificate.ts'
import { alone, Gathering, type Place, PURGE_EVENTS, readSituation, type Situation } from './gathering.ts'
import { eachExpired } from './plan.ts'
import { planAgain } from './planned-again.ts'
import { asRecorded, type OpenPurge, openPurges, recordPurge } from './purge-record.ts'
import { dropMonth, listExpiredMonths, STALE } from './remove.ts'
import { purgeBefore } from './rules.ts'
import type { KeepingClass } from './schema.ts'

const log = createLog('keeping')

/** Somebody reads the log for long, or a backup does: so often it is tried, then the entries go one by one. */
const ATTEMPTS = 3
const AGAIN_MS = 2_000
/** A lock that was not to be had in time; two that waited for each other. */
const BUSY = ['55P03', '40P01']

/** Where it has come: another purge is recorded; all of a month's are, with certificates. Tests end the process there. */
export type WholeMonthStep = 'recorded' | 'certified'
export type WholeMonthOptions = {
  purgeEvents?: number
  attempts?: number
  onStep?: (step: WholeMonthStep) => void | Promise<void>
}

/** A month of a class that has expired for everybody. */
type WholeMonth = { class: KeepingClass; month: string; from: Date; to: Date; tenants: readonly string[] }

/**
 * Removes the months in one piece that have expired for every organisation with entries in them and of which nothing is held, and answers
 * their names. Each organisation's purges are recorded first; what does not go is left to `purgeTenant`, which removes what was recorded
 * entry by entry and plans the rest. If we die in between, the next round goes on with what was recorded.
 */
export async function purgeWholeMonths(options: WholeMonthOptions = {}): Promise<string[]> {
  const dropped: string[] = []
  const failures: unknown[] = []
  for (const { class: name, month, tenants } of await listExpiredMonths()) {
    const from = new Date(month)
    const to = new Date(Date.UTC(from.getUTCFullYear(), from.getUTCMonth() + 1))
    await purgeMonth({ class: name, month, from, to, tenants }, options).then(
      (isDropped) => isDropped && dropped.push(`${name} ${month.slice(0, 7)}`),
      (error: unknown) => failures.push(error),
    )
  }
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} months could not be purged`)
  return dropped
}

async function purgeMonth(month: WholeMonth, options: WholeMonthOptions): Promise<boolean> {
  const notes: Note[] = []
  const recorded = new Map<string, readonly OpenPurge[]>()
  for (const tenantId of month.tenants) {
    const purges = await alone(tenantId, () => recordMonth(tenantId, month, options))
    if (!purges) return false
    recorded.set(tenantId, purges)
  }
  for (const [tenantId, purges] of recorded) notes.push(...(await certifyAll(tenantId, purges)))
  await options.onStep?.('certified')
  for (let attempt = 1; ; attempt++) {
    const problem = await dropMonth(month, notes).catch(problemOf)
    if (problem === null) {
      log.info({ class: month.class, month: month.month, purges: notes.length }, 'an expired month was removed whole')
      return true
    }
    if (problem !== 'busy' || attempt >= (options.attempts ?? ATTEMPTS)) {
      log.info({ class: month.class, month: month.month, problem }, 'an expired month goes entry by entry')
      return false
    }
    await sleep(AGAIN_MS)
  }
}

function problemOf(error: unknown): string {
  const code = errorCodeOf(error) ?? ''
  if (BUSY.includes(code)) return 'busy'
  if (code === STALE) return 'a purge was withdrawn meanwhile'
  throw error
}

/** Records purges of all that an organisation has in the tables of a month, and answers them. Null where something of it stays, or may. */
async function recordMonth(
  tenantId: string,
  month: WholeMonth,
  options: WholeMonthOptions,
): Promise<readonly OpenPurge[] | null> {
  const situation = await readSituation(tenantId)
  if (!situation) return null
  const days = situation.rules[month.class]
  const before = purgeBefore(days, now())
  if (days === null || before === null || before < month.to) return null
  const open = await recordedOf(tenantId, month)
  // One that a crash left may reach into another month: it is carried out by rows first, or what it names would be recorded twice.
  if (open.some(({ firstAt, lastAt }) => firstAt < month.from || lastAt >= month.to)) return null
  // So is one that would not be planned like this: there it is withdrawn.
  for (const purge of open) if ((await planAgain(situation, purge)) !== 'same') return null
  try {
    const rest = await recordBehind(open, { situation, month, days, options })
    return rest && [...open, ...rest]
  } catch (error) {
    // Who purges entry by entry says so in the log.
    if (error instanceof AlteredEntry || (isAppError(error) && error.code === 'conflict')) return null
    throw error
  }
}

type Recording = { situation: Situation; month: WholeMonth; days: number; options: WholeMonthOptions }

/** Records purges of what lies behind those that are recorded already, to the end of the month. Null where something is held. */
async function recordBehind(
  open: readonly OpenPurge[],
  { situation, month, days, options }: Recording,
): Promise<OpenPurge[] | null> {
  const { tenantId, holds, signed } = situation
  const full = options.purgeEvents ?? PURGE_EVENTS
  const expiring = {
    tenantId,
    class: month.class,
    before: month.to,
    size: signed.size,
    holds,
    texts: true,
    inTables: true,
    pageEvents: full,
  }
  const recorded: OpenPurge[] = []
  let after: Place = endOf(open) ?? { index: -1, at: month.from }
  for (;;) {
    const gathering = new Gathering(situation, { class: month.class, days })
    for await (const page of eachExpired({ ...expiring, after })) {
      if (page.entries.some(({ index }) => page.isHeld(index))) return null
      await gathering.add(page)
      if (gathering.events >= full) break
    }
    const step = gathering.step(full)
    if (!step?.planned) return recorded
    await recordPurge(tenantId, step.planned)
    recorded.push(asRecorded(step.planned))
    await options.onStep?.('recorded')
    if (step.isLast) return recorded
    after = step.last
  }
}

/** The purges of entries of a month that are recorded and not yet carried out, in the order of the log. */
async function recordedOf(tenantId: string, { class: name, from, to }: WholeMonth): Promise<OpenPurge[]> {
  const open = await readTransaction(tenantId, ({ sql }) => openPurges(sql, tenantId))
  return open.filter(
    ({ state, class: of, firstAt, lastAt }) => state === 'recorded' && of === name && lastAt >= from && firstAt < to,
  )
}

function endOf(purges: readonly OpenPurge[]): Place | null {
  const ends = purges.map(({ removed, lastAt }): Place => ({ index: (removed.at(-1)?.to ?? 0) - 1, at: lastAt }))
  return ends.reduce<Place | null>((last, end) => (last && last.index > end.index ? last : end), null)
}

type Note = { tenant: string; purge: string; note: string }

/** The certificates of what is about to go, as it was planned. None where the log is not the one that was signed: then nothing goes. */
async function certifyAll(tenantId: string, purges: readonly OpenPurge[]): Promise<Note[]> {
  const situation = await readSituation(tenantId)
  if (!situation) return []
  const { head, signed } = situation
  const notes: Note[] = []
  for (const purge of purges) {
    const note = await certify({ tenantId, purge, checkpoint: signed.note, head, now: now() })
    notes.push({ tenant: tenantId, purge: purge.id, note })
  }
  return notes
}
