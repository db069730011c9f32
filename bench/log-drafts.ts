import { hash } from 'node:crypto'
import { bytesToUuid } from '#lib/uuid.ts'
import { now } from '#server/kernel/clock.ts'
import type { StatedDraft } from '#server/kernel/ledger.ts'

export const DAYS = 100
export const DAY_MS = 86_400_000

/** A UUIDv7 that is the same in every process: one loads the log, another asks for what is in it. */
function idOf(what: string, n: number): string {
  const bytes = Buffer.from(hash('sha256', `${what} ${n}`, 'hex').slice(0, 32), 'hex')
  bytes.writeUIntBE(Date.UTC(2026, 0, 1) + n, 0, 6)
  bytes.writeUInt8(0x70 | (bytes.readUInt8(6) & 0x0f), 6)
  bytes.writeUInt8(0x80 | (bytes.readUInt8(8) & 0x3f), 8)
  return bytesToUuid(bytes)
}

const PEOPLE = Array.from({ length: 2_000 }, (_, n) => ({
  id: idOf('person', n),
  name: n % 10 === 0 ? `王小${n}` : `${['Ana', 'Ben', 'Chen', 'Dana', 'Emil'][n % 5]} Surname${n}`,
}))
const DEVICES = Array.from({ length: 3_000 }, (_, n) => ({
  id: idOf('device', n),
  name: `HT-${['WIN', 'IOS', 'AND'][n % 3]}-${n}`,
}))
const FILES = Array.from({ length: 20_000 }, (_, n) => ({
  type: 'file',
  id: idOf('file', n),
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

const DRAWS = 16

/**
 * From 0 to 1, for each draw of each event: the same whoever asks, in whatever order, and none repeats another until an event's
 * number and its draw need more than 32 bits.
 */
function chanceOf(event: number, draw: number): number {
  // The last step of MurmurHash3, which maps whole numbers of 32 bits one to one.
  let bits = (event * DRAWS + draw) >>> 0
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return ((bits ^ (bits >>> 16)) >>> 0) / 2 ** 32
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

/** The event with that number in a log which will have `total`; the one in the middle is the only one with `LANDMARKS.word`. */
export function draftOf(event: number, total: number): StatedDraft {
  const chance = (draw: number) => chanceOf(event, draw)
  const [action, more] = actionAt(chance(0) * 1_000)
  const address = `10.${Math.floor(256 * chance(2) ** 2)}.${Math.floor(256 * chance(3))}.${1 + Math.floor(250 * chance(4))}`
  const late = chance(5) < 0.01 ? Math.floor(chance(6) * 3 * DAY_MS) : Math.floor(chance(6) * 60_000)
  return {
    action,
    ...more,
    actor: { kind: 'person', ...skewed(PEOPLE, chance(1)) },
    device: skewed(DEVICES, chance(7)),
    ...(action.startsWith('file') || action.startsWith('screenshot') ? { target: skewed(FILES, chance(8)) } : {}),
    labels: chance(9) < 0.1 ? ['confidential', 'finance'] : ['internal'],
    address,
    occurredAt: new Date(now().getTime() - late),
    ...(event === Math.floor(total / 2) ? { words: LANDMARKS.word } : {}),
  }
}
