import { afterAll, describe, expect, test } from 'vitest'
import { uuidv7 } from '#lib/uuid.ts'
import { categoryOf } from '#protocol/audit/actions.ts'
import { ingestDeviceEvents } from '#server/devices/commands.ts'
import { now, testingOnlyAdvanceClock, testingOnlyResetClock } from '#server/kernel/clock.ts'
import { enrollTestDevice } from '#test/device.ts'
import { type LoggedEntry, makeApiKeyActor, makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { recordAppEvents } from '../app-events.ts'
import { importHistory } from './run-import.ts'

const database = useDatabase()

const HOUR_MS = 3_600_000
afterAll(testingOnlyResetClock)

type Event = { action: string; at: string; note: string }
type Door = 'device' | 'app' | 'import'
type Rejected = readonly { code: string }[]

/** States one event at each door and tells what was rejected. */
const DOORS: Record<Door, (event: Event) => Promise<Rejected>> = {
  device: async ({ action, at, note }) => {
    const { device } = await setting()
    const line = { seq: ++numbered, id: uuidv7(), at, action, outcome: 'allowed', detail: { note } }
    return (await ingestDeviceEvents(device.actor, [JSON.stringify(line)])).rejected
  },
  app: async ({ action, at, note }) => {
    const { tenantId } = await setting()
    const line = JSON.stringify({ id: uuidv7(), at, action, detail: { note } })
    return (await recordAppEvents(makeApiKeyActor(tenantId, ['audit:write']), [line])).rejected
  },
  import: async ({ action, at, note }) => {
    const { person } = await setting()
    async function* file() {
      yield Buffer.from(JSON.stringify({ id: uuidv7(), at, action, note }))
    }
    const mapping = {
      name: 'old',
      format: 'ndjson' as const,
      id: 'id',
      occurredAt: { from: 'at' },
      action: 'action',
      detail: { note: 'note' },
    }
    return (await importHistory(person, { file: file(), fileName: 'f', mapping })).rejected
  },
}

let numbered = 0
let made: ReturnType<typeof make> | undefined

/** One organisation for all of it; its device was enrolled two days ago, so that an event of some hours ago can be true. */
function setting() {
  made ??= make()
  return made
}

async function make() {
  const tenantId = await makeTenant()
  const person = await makePerson(tenantId, { role: 'owner', founder: true })
  const device = await enrollTestDevice(person)
  testingOnlyAdvanceClock(48 * HOUR_MS)
  return { tenantId, person, device }
}

type Outcome = { code: string } | { clock: 'suspect' | undefined; category?: string }

const ago = (ms: number) => new Date(now().getTime() - ms).toISOString()
const view = (): Event => ({ action: 'file.view', at: ago(0), note: 'x' })

const SITUATIONS: [string, () => Event, Outcome][] = [
  ['in time', view, { clock: undefined }],
  ['hours late', () => ({ ...view(), at: ago(6 * HOUR_MS) }), { clock: undefined }],
  ['from a clock that runs ahead', () => ({ ...view(), at: ago(-HOUR_MS) }), { clock: 'suspect' }],
  ['with a time that is none', () => ({ ...view(), at: '2026-02-30T00:00:00Z' }), { code: 'time' }],
  ['too large', () => ({ ...view(), note: 'x'.repeat(40_000) }), { code: 'line_too_large' }],
  [
    'by a name that nobody knows',
    () => ({ ...view(), action: 'meeting.record' }),
    { clock: undefined, category: 'custom' },
  ],
  [
    'that only the server can know',
    () => ({ ...view(), action: 'device.wipe.receipt' }),
    { code: 'action_not_allowed' },
  ],
  ['that poses as the server’s', () => ({ ...view(), action: 'device.pwned' }), { code: 'action_not_allowed' }],
]

/** A time that is none has the code of its door. */
const TIME_CODES: Record<Door, string> = { device: 'invalid', app: 'invalid', import: 'time_invalid' }

describe.each(Object.keys(DOORS) as Door[])('an event at the door of %s', (door) => {
  test.each(SITUATIONS)('%s', async (_, describeEvent, outcome) => {
    const { tenantId } = await setting()
    const before = (await statedBy(door, tenantId)).length
    const event = describeEvent()
    const rejected = await DOORS[door](event)
    const stated = (await statedBy(door, tenantId)).slice(before)
    if ('code' in outcome) {
      expect(rejected.map(({ code }) => code)).toEqual([outcome.code === 'time' ? TIME_CODES[door] : outcome.code])
      expect(stated).toEqual([])
      return
    }
    expect(rejected).toEqual([])
    expect(stated.map(({ entry }) => [entry.action, entry.occurredAt])).toEqual([[event.action, event.at]])
    expect(stated[0]?.entry.clock).toBe(outcome.clock)
    if (outcome.category) expect(categoryOf(event.action)).toBe(outcome.category)
  })
})

async function statedBy(door: Door, tenantId: string): Promise<LoggedEntry[]> {
  return (await readLog(database, tenantId)).filter(({ entry }) => entry.source.split(':')[0] === door)
}
