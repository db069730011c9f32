import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { ingestDeviceEvents } from '#server/devices/commands.ts'
import { now, testingOnlyAdvanceClock, testingOnlyResetClock } from '#server/kernel/clock.ts'
import { openKeys } from '#server/kernel/keys.ts'
import { createRuntime, runtime, setRuntime } from '#server/kernel/runtime.ts'
import { enrollTestDevice, type TestDevice } from '#test/device.ts'
import { makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { eventIdOf, unsoundness } from './sound.ts'
import { type Break, type RoundTrip, Wire } from './wire.ts'

// What waits here waits for a database, on machines that do other things as well.
vi.setConfig({ testTimeout: 60_000 })

const db = useDatabase()
const FILE = { type: 'file', id: '11111111-1111-4111-8111-111111111111' }
let wire: Wire
let tenantId: string

beforeAll(async () => {
  tenantId = await makeTenant()
  wire = await Wire.open(Number(new URL(db.adminUrl).port))
  const { dataDir, logins } = runtime()
  const through = { reader: wire.through(logins.reader), writer: wire.through(logins.writer) }
  await setRuntime(createRuntime({ dataDir, logins: { ...logins, ...through } }))
  await openKeys()
})

afterAll(async () => {
  wire.onRoundTrip = null
  await setRuntime(undefined)
  await wire.close()
})

/** A device that sends as the agent does: what was not acknowledged again, with the same bytes. */
class Sender {
  readonly device: TestDevice
  readonly number: number
  acknowledged = 0
  recorded = 0
  readonly #startMs = now().getTime()

  private constructor(device: TestDevice, number: number) {
    this.device = device
    this.number = number
  }

  static #made = 0

  static async enroll(): Promise<Sender> {
    return new Sender(await enrollTestDevice(await makePerson(tenantId)), ++Sender.#made)
  }

  record(count: number): void {
    this.recorded += count
  }

  async send() {
    const lines = Array.from({ length: this.recorded - this.acknowledged }, (_, n) => {
      const seq = this.acknowledged + 1 + n
      const at = new Date(this.#startMs + seq).toISOString()
      const event = { seq, id: eventIdOf(this.number, seq), at, action: 'file.view', outcome: 'allowed', target: FILE }
      return JSON.stringify(event)
    })
    const answer = await ingestDeviceEvents(this.device.actor, lines)
    expect(answer).toMatchObject({ acceptedThrough: this.recorded, rejected: [] })
    this.acknowledged = answer.acceptedThrough
    return answer
  }

  get sent() {
    return { deviceId: this.device.actor.deviceId, acknowledged: this.acknowledged, recorded: this.recorded }
  }
}

/** Breaks the line once, where `isThere` says; what was broken is pushed to `broken`. */
function breakOnce(where: Break, isThere: (trip: RoundTrip) => boolean): RoundTrip[] {
  const broken: RoundTrip[] = []
  wire.onRoundTrip = (trip) => {
    if (broken.length > 0 || !isThere(trip)) return undefined
    broken.push(trip)
    return where
  }
  return broken
}

const unavailable = { code: 'unavailable', status: 503 }

/** What one append does, in order. */
const STEPS = [
  'BEGIN',
  'INSERT INTO command',
  'ORDER BY id FOR UPDATE',
  'FROM enrollment e JOIN device d',
  'UPDATE enrollment e SET received',
  'INSERT INTO device_event_digest',
  'FROM audit_head WHERE tenant_id = $1::uuid FOR UPDATE',
  'INSERT INTO audit_entry',
  'COMMIT',
]

/** How many of three events were there already. The commit leaves with the last statement: whose answer is cut off may hear it or not. */
function duplicatesAfter(where: Break, { text }: RoundTrip): number[] {
  if (where === 'before') return [0]
  if (text.includes('INSERT INTO audit_entry')) return [0, 3]
  return text.includes('COMMIT') ? [3] : [0]
}

describe('each step of an append', () => {
  it.each(['before', 'after'] as const)('fails %s it is done: 503, and sent again it is there once', async (where) => {
    const sender = await Sender.enroll()
    const steps: string[] = []
    for (let place = 0; ; place++) {
      const broken = breakOnce(where, (trip) => trip.place === place)
      sender.record(3)
      const outcome = await sender.send().catch((error: unknown) => error)
      wire.onRoundTrip = null
      const [step] = broken
      if (!step) break
      steps.push(step.text)
      expect(outcome, step.text).toMatchObject(unavailable)
      // The server's end of the line may be a moment behind ours: its locks are waited for.
      const { duplicates } = await sender.send()
      expect(duplicatesAfter(where, step), step.text).toContain(duplicates)
    }
    const missed = STEPS.filter((step) => !steps.some((text) => text.includes(step)))
    expect(missed).toEqual([])
    expect(await unsoundness(tenantId, [sender.sent])).toEqual([])
  })

  it('fails for batches that wait together: nobody is told wrong, nothing is there twice', async () => {
    const senders = [await Sender.enroll(), await Sender.enroll(), await Sender.enroll(), await Sender.enroll()]
    for (const where of ['before', 'after'] as const) {
      for (const sender of senders) sender.record(20)
      let commits = 0
      // The first goes alone, the others together behind it.
      breakOnce(where, ({ text }) => text.includes('COMMIT') && ++commits === 2)
      await Promise.allSettled(senders.map((sender) => sender.send()))
      wire.onRoundTrip = null
      for (const sender of senders) if (sender.acknowledged < sender.recorded) await sender.send()
    }
    expect(
      await unsoundness(
        tenantId,
        senders.map(({ sent }) => sent),
      ),
    ).toEqual([])
  })
})

/** What PostgreSQL says when a file cannot grow, at each table of an append and when it commits. */
describe('a full disk', () => {
  const TABLES = [
    'command',
    'enrollment',
    'device_event_digest',
    'audit_entry',
    'audit_run',
    'audit_block',
    'audit_posting',
    'audit_tile',
    'audit_head',
  ]
  const FULL = `CREATE OR REPLACE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$`

  const countEntries = async () =>
    Number((await db.superuser.query<{ count: string }>('SELECT count(*) FROM audit_entry')).rows[0]?.count)

  async function whileFull(sender: Sender, count: number, create: string, drop: string): Promise<void> {
    const before = await countEntries()
    await db.superuser.query(FULL)
    await db.superuser.query(create)
    try {
      sender.record(count)
      await expect(sender.send()).rejects.toMatchObject({ ...unavailable, retryAfter: expect.any(Number) })
    } finally {
      await db.superuser.query(drop)
    }
    expect(await countEntries()).toBe(before)
    await sender.send()
    expect(await countEntries()).toBe(before + count)
  }

  it('at each table: 503, nothing is half there, and it goes on', async () => {
    const sender = await Sender.enroll()
    for (const table of TABLES)
      await whileFull(
        sender,
        // More than a tile, where a tile is to be written.
        table === 'audit_tile' ? 260 : 5,
        `CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON ${table} FOR EACH ROW EXECUTE FUNCTION disk_full()`,
        `DROP TRIGGER full_disk ON ${table}`,
      )
    expect(await unsoundness(tenantId, [sender.sent])).toEqual([])
  })

  it('when it commits: the same', async () => {
    const sender = await Sender.enroll()
    await whileFull(
      sender,
      5,
      `CREATE CONSTRAINT TRIGGER full_disk AFTER UPDATE ON audit_head DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION disk_full()`,
      'DROP TRIGGER full_disk ON audit_head',
    )
    expect(await unsoundness(tenantId, [sender.sent])).toEqual([])
  })
})

describe('a clock that jumps', () => {
  const HOUR_MS = 3_600_000

  it('forward and back: the order of the log stays the order of time, and nothing is lost', async () => {
    const sender = await Sender.enroll()
    for (const jump of [HOUR_MS, -2 * HOUR_MS, 48 * HOUR_MS, -700 * HOUR_MS, 1, -1]) {
      testingOnlyAdvanceClock(jump)
      sender.record(5)
      await sender.send()
    }
    testingOnlyResetClock()
    sender.record(5)
    await sender.send()
    expect(await unsoundness(tenantId, [sender.sent])).toEqual([])
    const times = (await readLog(db, tenantId)).map(({ entry }) => entry.recordedAt)
    expect(times).toEqual(times.toSorted())
  })

  it('years ahead: 503 instead of entries in a year that is not, and it goes on when the clock is right', async () => {
    const sender = await Sender.enroll()
    sender.record(5)
    testingOnlyAdvanceClock(20 * 365 * 24 * HOUR_MS)
    await expect(sender.send()).rejects.toMatchObject(unavailable)
    testingOnlyResetClock()
    await sender.send()
    expect(await unsoundness(tenantId, [sender.sent])).toEqual([])
  })
})
