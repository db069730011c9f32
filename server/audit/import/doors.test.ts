import { afterAll, beforeAll, describe, expect, test } from 'vitest'
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
// After the device was enrolled, so that an event of some hours ago can be true.
beforeAll(() => testingOnlyAdvanceClock(48 * HOUR_MS))
afterAll(testingOnlyResetClock)

type Event = { action: string; at: string; note: string }
type Door = 'device' | 'app' | 'import'
type Rejected = readonly { code: string }[]

/** States one event at each door and tells what was rejected. */
const DOORS: Record<Door, (event: Event) => Promise<{ tenantId: string; rejected: Rejected }>> = {
  device: async ({ action, at, note }) => {
    const { tenantId, person } = await setting()
    // Enrolled two days ago by the clock of the test.
    testingOnlyAdvanceClock(-48 * HOUR_MS)
    const { actor } = await enrollTestDevice(person)
    testingOnlyAdvanceClock(48 * HOUR_MS)
    const line = { seq: 1, id: uuidv7(), at, action, outcome: 'allowed', detail: { note } }
    return { tenantId, rejected: (await ingestDeviceEvents(actor, [JSON.stringify(line)])).rejected }
  },
  app: async ({ action, at, note }) => {
    const { tenantId } = await setting()
    const line = JSON.stringify({ id: '1', at, action, detail: { note } })
    return { tenantId, rejected: (await recordAppEvents(makeApiKeyActor(tenantId, ['audit:write']), [line])).rejected }
  },
  import: async ({ action, at, note }) => {
    const { tenantId, person } = await setting()
    async function* file() {
      yield Buffer.from(JSON.stringify({ id: '1', at, action, note }))
    }
    const mapping = { name: 'old', format: 'ndjson' as const, id: 'id', occurredAt: { from: 'at' }, action: 'action' }
    const answer = await importHistory(person, {
      file: file(),
      fileName: 'f',
      mapping: { ...mapping, detail: { note: 'note' } },
    })
    return { tenantId, rejected: answer.rejected }
  },
}

async function setting() {
  const tenantId = await makeTenant()
  return { tenantId, person: await makePerson(tenantId, { role: 'owner', founder: true }) }
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
  test.each(SITUATIONS)('%s', async (_, make, outcome) => {
    const event = make()
    const { tenantId, rejected } = await DOORS[door](event)
    const stated = await statedBy(door, tenantId)
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
