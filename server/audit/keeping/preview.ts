import 'server-only'
import { readTransaction } from '#server/kernel/db.ts'
import { isLate } from '../archive/reach.ts'
import { checkLog } from '../witness/check-log.ts'
import { holdsInForce } from './holds.ts'
import { type ExpiredPage, eachExpired } from './plan.ts'
import { purgeBefore, readRules } from './rules.ts'
import { KEEPING_CLASSES, type KeepingClass, type PurgePreview, type RetentionRules } from './schema.ts'

type Day = { goes: number; kept: number }
type Options = { now: Date; rules?: RetentionRules | undefined; budgetMs?: number }

/**
 * What the next purge would remove, by these rules or the organisation's own: walks as the purge does, so that what is shown is what
 * goes, as far as nothing changes until then.
 */
export async function previewPurge(
  tenantId: string,
  { now, rules: proposed, budgetMs = 5_000 }: Options,
): Promise<PurgePreview> {
  const deadline = performance.now() + budgetMs
  const { rules, holds, size } = await readTransaction(tenantId, async ({ sql }) => ({
    rules: proposed ?? (await readRules(sql, tenantId)),
    holds: await holdsInForce(sql, tenantId),
    size: (await checkLog(sql, tenantId)).stored?.size ?? 0,
  }))
  const kept = new Map<string, number>()
  const classes: PurgePreview['classes'] = []
  let partial = false
  for (const name of KEEPING_CLASSES) {
    const before = purgeBefore(rules[name], now)
    if (!before) continue
    const days = new Map<string, Day>()
    // One deadline for all of it: a bucket that does not answer leaves the rest uncounted.
    const fetchMs = Math.max(0, deadline - performance.now())
    try {
      for await (const page of eachExpired({ tenantId, class: name, before, size, holds, texts: false, fetchMs })) {
        countDays(days, page)
        for (const [id, held] of page.held) kept.set(id, (kept.get(id) ?? 0) + held.size)
        partial ||= performance.now() > deadline
        if (partial) break
      }
    } catch (error) {
      if (!isLate(error)) throw error
      partial = true
    }
    if (days.size > 0) classes.push(sumUp(name, days))
  }
  return {
    until: untilOf(rules, now),
    goes: classes.reduce((sum, { goes }) => sum + goes, 0),
    kept: classes.reduce((sum, { kept: of }) => sum + of, 0),
    classes,
    holds: holds.flatMap(({ id, name }) => (kept.has(id) ? [{ id, name, kept: kept.get(id) ?? 0 }] : [])),
    partial,
  }
}

function countDays(days: Map<string, Day>, { entries, isHeld }: ExpiredPage): void {
  for (const { index, at } of entries) {
    const key = at.toISOString().slice(0, 10)
    const day = days.get(key) ?? { goes: 0, kept: 0 }
    days.set(key, day)
    if (isHeld(index)) day.kept++
    else day.goes++
  }
}

function sumUp(name: KeepingClass, byDay: Map<string, Day>): PurgePreview['classes'][number] {
  const days = [...byDay].map(([day, counts]) => ({ day, ...counts }))
  const sum = (what: keyof Day) => days.reduce((total, day) => total + day[what], 0)
  return { class: name, goes: sum('goes'), kept: sum('kept'), days }
}

function untilOf(rules: RetentionRules, now: Date): PurgePreview['until'] {
  const until = (name: KeepingClass) => purgeBefore(rules[name], now)?.toISOString() ?? null
  return { control: until('control'), access: until('access'), activity: until('activity') }
}
