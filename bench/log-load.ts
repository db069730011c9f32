import { uuidv7 } from '#lib/uuid.ts'
import { mergeIndex } from '#server/audit/index/merge.ts'
import { systemActor } from '#server/kernel/actor.ts'
import { now, testingOnlyAdvanceClock } from '#server/kernel/clock.ts'
import { pgTransaction } from '#server/kernel/db.ts'
import { type AuditDraft, appendEntries, type StatedDraft } from '#server/kernel/ledger.ts'

export const DAYS = 100
const DAY_MS = 86_400_000
const APPEND = 5_000

const PEOPLE = Array.from({ length: 2_000 }, (_, n) => ({
  id: uuidv7(),
  name: n % 10 === 0 ? `王小${n}` : `${['Ana', 'Ben', 'Chen', 'Dana', 'Emil'][n % 5]} Surname${n}`,
}))
const DEVICES = Array.from({ length: 3_000 }, (_, n) => ({
  id: uuidv7(),
  name: `HT-${['WIN', 'IOS', 'AND'][n % 3]}-${n}`,
}))
const FILES = Array.from({ length: 20_000 }, (_, n) => ({
  type: 'file',
  id: uuidv7(),
  name: n % 20 === 0 ? `合并计划 ${n}.docx` : `${['Board deck', 'Payroll', 'Roadmap', 'Contract'][n % 4]} ${n}.pdf`,
}))

/** How often, in a thousand. */
const ACTIONS: readonly (readonly [number, string, Partial<StatedDraft>])[] = [
  [520, 'file.view', { source: 'device' }],
  [130, 'file.release', {}],
  [90, 'auth.sign_in', {}],
  [80, 'file.download', { source: 'device' }],
  [60, 'device.unlock', {}],
  [50, 'message.view', { source: 'app:mail' }],
  [30, 'file.forward', { source: 'device', reason: 'needed by a partner' }],
  [20, 'file.print', { source: 'device' }],
  [12, 'screenshot.attempt', { source: 'device', enforcement: 'detected' }],
  [5, 'auth.sign_in', { outcome: 'denied' }],
  [2, 'policy.publish', {}],
  [1, 'device.wipe.request', { outcome: 'pending' }],
]

/** What the searches of the bench look for. */
export const LANDMARKS = {
  usualPerson: PEOPLE[0]?.id ?? '',
  rarePerson: PEOPLE[1_999]?.id ?? '',
  usualFile: FILES[0]?.id ?? '',
  rareFile: FILES[19_999]?.id ?? '',
  device: DEVICES[7]?.id ?? '',
  word: 'oneinall',
}

function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/** Few come often, most come rarely. */
function skewed<T>(list: readonly T[], chance: number): T {
  const value = list[Math.floor(list.length * chance ** 3)]
  if (value === undefined) throw new Error('an empty list')
  return value
}

function actionAt(thousandth: number): readonly [string, Partial<StatedDraft>] {
  let reached = 0
  for (const [weight, action, more] of ACTIONS) {
    reached += weight
    if (thousandth < reached) return [action, more]
  }
  return ['file.view', {}]
}

function drafter(total: number) {
  const chance = random(7)
  return (n: number): StatedDraft => {
    const [action, more] = actionAt(chance() * 1_000)
    const person = skewed(PEOPLE, chance())
    const address = `10.${Math.floor(256 * chance() ** 2)}.${Math.floor(256 * chance())}.${1 + Math.floor(250 * chance())}`
    const late = chance() < 0.01 ? Math.floor(chance() * 3 * DAY_MS) : Math.floor(chance() * 60_000)
    return {
      action,
      ...more,
      actor: { kind: 'person', ...person },
      device: skewed(DEVICES, chance()),
      ...(action.startsWith('file') || action.startsWith('screenshot') ? { target: skewed(FILES, chance()) } : {}),
      labels: chance() < 0.1 ? ['confidential', 'finance'] : ['internal'],
      address,
      occurredAt: new Date(now().getTime() - late),
      ...(n === Math.floor(total / 2) ? { words: LANDMARKS.word } : {}),
    }
  }
}

export type LoadOptions = {
  /** How many the log has already, of how many in the end. */
  from?: number
  of?: number
  /** All of it just now, instead of over a hundred days; somebody else merges. */
  isNow?: boolean
  each?: (appended: number) => void
}

/**
 * So many events of a hundred days, ending now, appended as the product does and merged as the worker does. `each` is called as
 * the log grows.
 */
export async function loadLog(
  tenantId: string,
  events: number,
  { from = 0, of = events, isNow = false, each }: LoadOptions = {},
): Promise<void> {
  const actor = systemActor(tenantId, 'bench')
  const draft = drafter(of)
  const begin = Date.now() - DAYS * DAY_MS
  for (let done = from; done < from + events; done += APPEND) {
    if (!isNow) testingOnlyAdvanceClock(begin + (done / of) * DAYS * DAY_MS - now().getTime())
    const count = Math.min(APPEND, from + events - done)
    const drafts = Array.from({ length: count }, (_, n): AuditDraft => draft(done + n) as AuditDraft)
    await pgTransaction('writer', tenantId, async (_client, sql) => {
      await sql(
        `INSERT INTO command (tenant_id, id, name, actor_kind, actor_id) VALUES ($1::uuid, $2::uuid, 'bench', 'system', 'bench')
         RETURNING set_config('app.command_id', id::text, true)`,
        [tenantId, uuidv7()],
      )
      await appendEntries(
        sql,
        tenantId,
        drafts.map((one) => ({ actor, draft: one })),
      )
    })
    if (!isNow && (done / APPEND) % 8 === 7) await mergeIndex(tenantId)
    each?.(done + count)
  }
  if (isNow) return
  testingOnlyAdvanceClock(Date.now() - now().getTime())
  await mergeIndex(tenantId)
}
