import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { uuidv7 } from '#lib/uuid.ts'
import { now } from '#server/kernel/clock.ts'
import { pgTransaction, type Sql } from '#server/kernel/db.ts'
import { enrollTestDevice } from '#test/device.ts'
import { makePerson, makeTenant, readLog, type TestDatabase, useDatabase } from '#test/harness.ts'
import { blockDevice, ingestDeviceEvents } from './commands.ts'
import { requireSameBytes } from './event-digests.ts'
import { parseEventLines } from './event-lines.ts'
import { countDevices, getDevice, missingRanges } from './queries.ts'
import { formatRanges, gapsIn, includes, parseRanges, runsOf } from './ranges.ts'

const database: TestDatabase = useDatabase()

async function setUp(facts = {}) {
  const tenantId = await makeTenant()
  const admin = await makePerson(tenantId, { name: 'Mei Lin' })
  return { tenantId, admin, device: await enrollTestDevice(admin, { facts }) }
}

function line(seq: number, change: Record<string, unknown> = {}): string {
  return JSON.stringify({
    seq,
    id: uuidv7(),
    at: now().toISOString(),
    action: 'file.view',
    outcome: 'allowed',
    ...change,
  })
}

async function stated(tenantId: string) {
  return (await readLog(database, tenantId)).filter(({ entry }) => entry.source === 'device')
}

describe('ingestDeviceEvents', () => {
  test('a time that no calendar has is a bad line, not a request that fails for ever', async () => {
    const { device } = await setUp()
    const lines = [line(1, { at: '0000-01-01T00:00:00.000Z' }), line(2, { at: '0001-01-01T00:00:00.000Z' }), line(3)]
    expect(await ingestDeviceEvents(device.actor, lines)).toMatchObject({
      acceptedThrough: 3,
      rejected: [{ line: 1, seq: 1, code: 'invalid', detail: expect.stringMatching(/^at: /) }],
    })
  })

  test('works: who, what, which device, which rule, who states it', async () => {
    const { tenantId, admin, device } = await setUp()
    const id = uuidv7()
    const target = { type: 'file', id: uuidv7(), name: 'Plan.pdf' }
    const event = line(1, {
      id,
      target,
      labels: ['secret', 'draft'],
      policy: { id: tenantId, version: 1, rule: 'data.view' },
      detail: { pages: 3, offline: true, app: 'Reader' },
    })
    expect(await ingestDeviceEvents(device.actor, [event])).toEqual({ acceptedThrough: 1, duplicates: 0, rejected: [] })
    expect(await stated(tenantId)).toMatchObject([
      {
        entry: {
          action: 'file.view',
          outcome: 'allowed',
          actor: { kind: 'person', id: admin.personId },
          device: { id: device.actor.deviceId },
          target: { type: 'file', id: target.id },
          labels: ['draft', 'secret'],
          policy: { id: tenantId, version: 1, rule: 'data.view' },
          source: 'device',
        },
        personal: {
          actorName: 'Mei Lin',
          deviceName: 'Test phone',
          targetName: 'Plan.pdf',
          senderId: id,
          address: '198.51.100.7',
          detail: { pages: '3', offline: 'true', app: 'Reader' },
        },
      },
    ])
  })

  test('sending again is harmless, in part or in whole, also at the same time', async () => {
    const { tenantId, device } = await setUp()
    const lines = Array.from({ length: 20 }, (_, n) => line(n + 1))
    await Promise.all(Array.from({ length: 8 }, () => ingestDeviceEvents(device.actor, lines)))
    expect(await ingestDeviceEvents(device.actor, lines.slice(5, 9))).toEqual({
      acceptedThrough: 9,
      duplicates: 4,
      rejected: [],
    })
    expect(await ingestDeviceEvents(device.actor, [...lines, line(21)])).toEqual({
      acceptedThrough: 21,
      duplicates: 20,
      rejected: [],
    })
    expect(await stated(tenantId)).toHaveLength(21)
  })

  test('gaps are known and fill', async () => {
    const { admin, device } = await setUp()
    const { deviceId } = device.answer
    await ingestDeviceEvents(device.actor, [line(3), line(4), line(9)])
    expect(await missingRanges(admin, { deviceId })).toEqual([
      { from: 1, to: 2 },
      { from: 5, to: 8 },
    ])
    expect(await getDevice(admin, { deviceId })).toMatchObject({ missingEvents: 6 })
    expect(await countDevices(admin, {})).toMatchObject({ missingEvents: 1 })
    await ingestDeviceEvents(
      device.actor,
      [1, 2, 5, 6, 7, 8].map((seq) => line(seq)),
    )
    expect(await missingRanges(admin, { deviceId })).toEqual([])
    expect(await countDevices(admin, {})).toMatchObject({ missingEvents: 0 })
  })

  test('a bad line uses its number up, is told and recorded, and stops no other', async () => {
    const { tenantId, admin, device } = await setUp()
    const answer = await ingestDeviceEvents(device.actor, [
      line(1),
      line(2, { action: 'device.wipe.receipt' }),
      '{"seq":3,',
      'garbage',
      line(4, { surprise: 1 }),
      line(5, { at: 'yesterday' }),
      line(6),
      line(99_999_999),
    ])
    expect(answer.acceptedThrough).toBe(99_999_999)
    expect(answer.rejected.map(({ line: at, seq, code }) => [at, seq, code])).toEqual([
      [2, 2, 'action_not_allowed'],
      [3, 3, 'not_json'],
      [4, undefined, 'not_json'],
      [5, 4, 'invalid'],
      [6, 5, 'invalid'],
      [8, 99_999_999, 'seq_out_of_range'],
    ])
    expect(await missingRanges(admin, { deviceId: device.answer.deviceId })).toEqual([])
    const rejected = (await readLog(database, tenantId)).filter(({ entry }) => entry.action === 'device.event.rejected')
    expect(rejected.map(({ personal }) => personal.detail)).toMatchObject([
      { code: 'action_not_allowed', seq: '2' },
      { code: 'not_json', seq: '3' },
      { code: 'invalid', seq: '4' },
      { code: 'invalid', seq: '5' },
      { code: 'not_json', lines: '2' },
    ])
    expect(await stated(tenantId)).toHaveLength(2)
  })

  test('a screenshot is called prevented only where a listed mechanism can have done it', async () => {
    const capabilities = {
      eraseVault: true,
      eraseDevice: false,
      lock: true,
      detectCapture: true,
      preventCapture: true,
      keyStore: 'file',
    }
    const attempt = { action: 'screenshot.attempt', outcome: 'denied', enforcement: 'prevented' }
    const linux = await setUp({ platform: 'linux', osVersion: '6.8', capabilities })
    await ingestDeviceEvents(linux.device.actor, [line(1, attempt)])
    expect(await stated(linux.tenantId)).toMatchObject([{ entry: { outcome: 'allowed', enforcement: 'detected' } }])
    const android = await setUp({ platform: 'android', osVersion: '15', capabilities })
    await ingestDeviceEvents(android.device.actor, [line(1, attempt)])
    expect(await stated(android.tenantId)).toMatchObject([{ entry: { outcome: 'denied', enforcement: 'prevented' } }])
  })

  test('a clock that is wrong is said to be, and what it states is kept', async () => {
    const { tenantId, device } = await setUp()
    const at = (ms: number) => new Date(now().getTime() + ms).toISOString()
    await ingestDeviceEvents(device.actor, [
      line(1, { at: at(3_600_000) }),
      line(2, { at: '1999-01-01T00:00:00.000Z' }),
      line(3, { at: at(-60_000) }),
    ])
    expect((await stated(tenantId)).map(({ entry }) => entry.clock)).toEqual(['suspect', 'suspect', undefined])
  })

  test('the same number with other bytes: both copies are blocked', async () => {
    const { tenantId, admin, device } = await setUp()
    await ingestDeviceEvents(device.actor, [line(1), line(2), line(3)])
    await expect(ingestDeviceEvents(device.actor, [line(3), line(4)])).rejects.toMatchObject({
      code: 'clone_suspected',
    })
    expect(await getDevice(admin, { deviceId: device.answer.deviceId })).toMatchObject({
      status: 'blocked',
      vault: 'withheld',
    })
    await expect(ingestDeviceEvents(device.actor, [line(5)])).rejects.toMatchObject({ code: 'device_revoked' })
    const [entry] = (await readLog(database, tenantId)).filter(({ entry }) => entry.action === 'device.clone_suspected')
    expect(entry).toMatchObject({
      entry: { device: { id: device.answer.deviceId }, outcome: 'denied' },
      personal: { detail: { seq: '3' }, address: '198.51.100.7' },
    })
    expect(await stated(tenantId)).toHaveLength(3)
  })

  test('of many devices at once, a blocked one is refused alone', async () => {
    const { tenantId, admin, device } = await setUp()
    const others = [await enrollTestDevice(admin), await enrollTestDevice(admin)]
    await blockDevice(admin, { deviceId: device.answer.deviceId })
    const outcomes = await Promise.allSettled(
      [device, ...others].map(({ actor }) => ingestDeviceEvents(actor, [line(1)])),
    )
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled'])
    expect(await stated(tenantId)).toHaveLength(2)
  })

  test('texts that grow when normalised, at every limit, are a rejected line and never a failure', async () => {
    const { device } = await setUp()
    const grows = '\u{1D160}'
    const answer = await ingestDeviceEvents(device.actor, [
      line(1, { target: { type: 'file', id: grows.repeat(64) } }),
      line(2, { labels: [grows.repeat(32)] }),
      line(3, { detail: Object.fromEntries(Array.from({ length: 7 }, (_, n) => [`d${n}`, grows.repeat(1_000)])) }),
      line(4, { labels: Array.from({ length: 40 }, (_, n) => `l${n}`) }),
      line(5, { policy: { id: uuidv7(), version: 0, rule: 'x' } }),
    ])
    expect(answer.rejected.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5])
  })

  test('any bytes at all give an answer', async () => {
    const { device } = await setUp()
    const value = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.integer(),
      fc.double(),
      fc.constant(null),
      fc.array(fc.string()),
      fc.boolean(),
    )
    const names = [
      'seq',
      'id',
      'at',
      'action',
      'outcome',
      'enforcement',
      'policy',
      'target',
      'labels',
      'reason',
      'detail',
      '__proto__',
    ]
    const mutated = fc
      .tuple(fc.integer({ min: 1, max: 500 }), fc.constantFrom(...names), value)
      .map(([seq, name, odd]) => line(seq, { [name]: odd }))
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.string({ unit: 'binary' }), mutated), { minLength: 1, maxLength: 5 }),
        async (lines) => {
          try {
            const { rejected } = await ingestDeviceEvents(device.actor, lines)
            expect(rejected.length).toBeLessThanOrEqual(lines.length)
          } catch (error) {
            expect((error as { code?: string }).code).toMatch(/^(clone_suspected|device_revoked)$/)
          }
        },
      ),
      { numRuns: 60 },
    )
  })
})

test('ranges: what PostgreSQL writes, runs, gaps', () => {
  expect(parseRanges('{[1,5),[7,9)}')).toEqual([
    [1, 5],
    [7, 9],
  ])
  expect(parseRanges('{}')).toEqual([])
  expect(
    gapsIn([
      [3, 5],
      [7, 8],
    ]),
  ).toEqual([
    [1, 3],
    [5, 7],
  ])
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 60 })), (values) => {
      const runs = runsOf([...values].sort((a, b) => a - b))
      expect(parseRanges(formatRanges(runs))).toEqual(runs)
      for (let n = 1; n <= 61; n++) expect(includes(runs, n)).toBe(values.includes(n))
    }),
  )
})

test('a line tells its own number even when it is cut', () => {
  expect(parseEventLines(['{"seq":7,"id":"x', '{"seq":"7"}', '{"seq":0}'])).toMatchObject([
    { seq: 7, code: 'not_json' },
    { code: 'invalid' },
    { code: 'invalid' },
  ])
})

test('a repetition is compared by its own bytes, however much lies between', async () => {
  const { device } = await setUp()
  const lines = Array.from({ length: 4_000 }, (_, n) => line(n + 1))
  for (let at = 0; at < lines.length; at += 1_000) await ingestDeviceEvents(device.actor, lines.slice(at, at + 1_000))
  const known = [1, 2_500, 4_000].map((seq) => ({
    seq,
    digest: digestOf(lines[seq - 1] ?? ''),
  }))
  let fetched = 0
  await pgTransaction('reader', device.actor.tenantId, (_client, sql) => {
    const counting: Sql = async <Row>(text: string, values?: readonly unknown[]) => {
      const rows = await sql<Row>(text, values)
      fetched += JSON.stringify(rows).length
      return rows
    }
    return requireSameBytes(counting, device.actor, known)
  })
  expect(fetched).toBeGreaterThan(0)
  expect(fetched).toBeLessThan(500)
})

/** As it is kept: eight bytes of the line's SHA-256, a character each. */
function digestOf(text: string): string {
  return createHash('sha256').update(text).digest().toString('latin1').slice(0, 8)
}

test('of each number its own bytes are kept: in several runs, out of order, repeated, and where a line was rejected', async () => {
  const { tenantId, device } = await setUp()
  const sent = new Map([22, 3, 9, 5, 20, 21].map((seq) => [seq, line(seq)]))
  sent.set(4, '{"seq":4,"id":"cut off 端')
  sent.set(2, line(2, { reason: '端 𝌆 \u2028' }))
  const repeated = [sent.get(9) ?? '', line(20), sent.get(4) ?? '']
  expect(await ingestDeviceEvents(device.actor, [...sent.values(), ...repeated])).toMatchObject({
    duplicates: 2,
    rejected: [
      { seq: 4, code: 'not_json' },
      { seq: 20, code: 'seq_repeated' },
    ],
  })
  const { rows } = await database.superuser.query<{ first: string; digests: string }>(
    `SELECT first_seq AS first, encode(digests, 'hex') AS digests FROM device_event_digest WHERE enrollment_id = $1 ORDER BY first_seq`,
    [device.actor.enrollmentId],
  )
  const kept = [[2, 3, 4, 5], [9], [20, 21, 22]].map((run) => ({
    first: String(run[0]),
    // As rows have it since the first version.
    digests: run
      .map((seq) =>
        createHash('sha256')
          .update(sent.get(seq) ?? '')
          .digest('hex')
          .slice(0, 16),
      )
      .join(''),
  }))
  expect(rows).toEqual(kept)
  const check = (known: { seq: number; digest: string }[]) =>
    pgTransaction('reader', tenantId, (_client, sql) => requireSameBytes(sql, device.actor, known))
  await check([...sent].map(([seq, text]) => ({ seq, digest: digestOf(text) })))
  for (const seq of sent.keys())
    await expect(check([{ seq, digest: digestOf(line(seq)) }])).rejects.toMatchObject({
      code: 'clone_suspected',
      extra: { seq },
    })
})

test('gaps beyond number are given up, said in the log, and cost no later request its time', async () => {
  const { tenantId, admin, device } = await setUp()
  const send = (seqs: number[]) =>
    ingestDeviceEvents(
      device.actor,
      seqs.map((seq) => line(seq)),
    )
  await send(Array.from({ length: 1_500 }, (_, n) => 2 * n + 1))
  expect(await missingRanges(admin, { deviceId: device.answer.deviceId })).toHaveLength(1_499)
  await send(Array.from({ length: 1_500 }, (_, n) => 3_001 + 2 * n))
  await send([6_001])
  const left = await missingRanges(admin, { deviceId: device.answer.deviceId })
  expect(left.length).toBeLessThanOrEqual(2_000)
  expect(left.at(-1)).toEqual({ from: 6_000, to: 6_000 })
  const given = (await readLog(database, tenantId)).filter(({ personal }) => personal.detail?.code === 'too_many_gaps')
  expect(given.length).toBeGreaterThan(0)
  // What is still missing is taken when it comes.
  expect(await send([6_000])).toEqual({ acceptedThrough: 6_000, duplicates: 0, rejected: [] })
})
