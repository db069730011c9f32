import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { parseEventStream } from '#agent/core/sse.ts'
import { verifyPolicyBundle } from '#protocol/device/policy-bundle.ts'
import { blockDevice, retireDevice } from '#server/devices/commands.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import { makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { type Call, eventLines, FACTS, ProtocolDevice } from './test/protocol-device.ts'
import { type StartedGateway, startGateway } from './test/started-gateway.ts'

vi.setConfig({ testTimeout: 60_000 })

const db = useDatabase()
let gateway: StartedGateway
let admin: PersonActor
let device: ProtocolDevice

beforeAll(async () => {
  gateway = await startGateway(db.dataDir)
  admin = await makePerson(await makeTenant(), { role: 'owner', founder: true })
  device = await ProtocolDevice.enroll(gateway, admin)
})
afterAll(async () => {
  device.close()
  await gateway.stop()
})

async function until<T>(what: string, look: () => Promise<T | undefined | false>): Promise<T> {
  for (let n = 0; n < 600; n++) {
    const found = await look()
    if (found) return found
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  throw new Error(`waited in vain: ${what}`)
}

const presenceOf = async (deviceId: string) => {
  const { rows } = await db.superuser.query('SELECT * FROM device_presence WHERE device_id = $1', [deviceId])
  return rows[0]
}

describe('facts and policy', () => {
  it('a check-in is answered and leaves the connection on record, with the group as the device sees it', async () => {
    const tls = { protocol: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384', group: 'X25519MLKEM768' }
    const { status, json } = await device.call({ method: 'POST', path: '/facts', body: { ...FACTS, tls } })
    expect([status, json]).toEqual([200, { status: 'active', policyVersion: 1, problem: null }])
    const row = await until('presence', async () => {
      const found = await presenceOf(device.id)
      return found?.tls_group && found
    })
    expect(row).toMatchObject({
      address: '127.0.0.1',
      tls_protocol: 'TLSv1.3',
      tls_cipher: 'TLS_AES_256_GCM_SHA384',
      tls_group: 'X25519MLKEM768',
    })
  })

  it('the policy is signed by the pinned key', async () => {
    const { headers, text } = await device.call({ path: '/policy' })
    expect(headers['content-type']).toBe('application/jose')
    const keys = device.enrolled?.serverKeys
    if (!keys) throw new Error('not enrolled')
    await expect(verifyPolicyBundle(text, keys, { tenantId: admin.tenantId })).resolves.toMatchObject({ version: 1 })
  })
})

describe('events', () => {
  const send = (body: string | Uint8Array, phone = device) =>
    phone.call({ method: 'POST', path: '/events', body, type: 'application/x-ndjson' })

  it('are in the log when they are acknowledged, once however often they are sent', async () => {
    const lines = eventLines(1, 20)
    expect((await send(lines)).json).toEqual({ acceptedThrough: 20, duplicates: 0, rejected: [] })
    expect((await send(lines)).json).toEqual({ acceptedThrough: 20, duplicates: 20, rejected: [] })
    const log = await readLog(db, admin.tenantId)
    const views = log.filter(({ entry }) => entry.action === 'file.view' && entry.device?.id === device.id)
    expect(views).toHaveLength(20)
    expect(views[0]?.entry).toMatchObject({ source: 'device', actor: { kind: 'person', id: admin.personId } })
  })

  it('with a bad line keep the good ones', async () => {
    const body = `${eventLines(21, 1)}not json\n${eventLines(22, 1)}`
    const { status, json } = await send(body)
    expect(status).toBe(200)
    expect(json).toMatchObject({ acceptedThrough: 22, rejected: [{ line: 2, code: 'not_json' }] })
  })

  it('that are not UTF-8 name the line', async () => {
    const body = Buffer.concat([Buffer.from(eventLines(23, 2)), Buffer.from([0xff, 0xfe, 0x0a])])
    expect((await send(body)).json).toMatchObject({
      status: 400,
      code: 'invalid',
      errors: [{ field: 'line 3', detail: 'is not UTF-8' }],
    })
  })

  it('are at most 5,000 lines, 8 MiB, and NDJSON', async () => {
    expect((await send(eventLines(100, 5_001))).json).toMatchObject({ status: 413, code: 'payload_too_large' })
    expect((await send(Buffer.alloc(8 * 1024 * 1024 + 1, 0x20))).json).toMatchObject({ status: 413 })
    const other = await device.call({ method: 'POST', path: '/events', body: {} })
    expect(other.json).toMatchObject({ status: 415 })
  })

  it('with the same number and other bytes block both copies', async () => {
    const phone = await ProtocolDevice.enroll(gateway, admin)
    await send(eventLines(1, 3), phone)
    const copied = await send(
      eventLines(2, 1, () => ({ outcome: 'denied' })),
      phone,
    )
    expect(copied.json).toMatchObject({ status: 409, code: 'clone_suspected' })
    expect((await phone.call({ path: '/policy' })).json).toMatchObject({ code: 'device_revoked' })
    const log = await readLog(db, admin.tenantId)
    expect(log.at(-1)?.entry).toMatchObject({ action: 'device.clone_suspected', device: { id: phone.id } })
    phone.close()
  })
})

describe('commands', () => {
  it('arrive on an open stream within a moment, once, and again on the next', async () => {
    const phone = await ProtocolDevice.enroll(gateway, admin)
    const first = await phone.open({ path: '/commands', headers: { accept: 'text/event-stream' } })
    expect(first.headers['content-type']).toBe('text/event-stream')
    const events = parseEventStream(first)
    await until('online', async () => (await presenceOf(phone.id))?.online_until > new Date())
    const startedMs = performance.now()
    await blockDevice(admin, { deviceId: phone.id })
    const { value } = await events.next()
    expect(performance.now() - startedMs).toBeLessThan(10_000)
    expect(value).toMatchObject({ event: 'command' })
    first.destroy()
    const second = await phone.open({ path: '/commands', headers: { accept: 'text/event-stream' } })
    expect((await parseEventStream(second).next()).value).toEqual(value)
    second.destroy()
    await until('offline', async () => (await presenceOf(phone.id))?.online_until <= new Date())
    phone.close()
  })

  it('wake a long poll', async () => {
    const phone = await ProtocolDevice.enroll(gateway, admin)
    const poll = phone.call({ path: '/commands?wait=20' })
    await new Promise((resolve) => setTimeout(resolve, 200))
    await blockDevice(admin, { deviceId: phone.id })
    expect((await poll).json.items).toHaveLength(1)
    phone.close()
  })

  it('of one device are few: a newer one ends the oldest, so that it cannot use up what others need', async () => {
    const phone = await ProtocolDevice.enroll(gateway, admin)
    const polls = Array.from({ length: 8 }, () => phone.call({ path: '/commands?wait=20' }))
    const streams = []
    for (let n = 0; n < 8; n++)
      streams.push(await phone.open({ path: '/commands', headers: { accept: 'text/event-stream' } }))
    let [answered, ended] = [0, 0]
    for (const poll of polls) void poll.then(() => answered++)
    for (const stream of streams) stream.resume().once('end', () => ended++)
    await until('the others ended', async () => answered === 5 && ended === 5)
    await blockDevice(admin, { deviceId: phone.id })
    const answers = await Promise.all(polls)
    expect(answers.filter(({ json }) => (json.items as unknown[]).length === 1)).toHaveLength(3)
    for (const stream of streams) stream.destroy()
    phone.close()
  })

  it('of a poll end empty when nothing comes', async () => {
    expect((await device.call({ path: '/commands?wait=1' })).json).toEqual({ items: [] })
    expect((await device.call({ path: '/commands?wait=61' })).json).toMatchObject({
      status: 400,
      errors: [{ field: 'wait' }],
    })
  })

  it('end with the device that is retired', async () => {
    const phone = await ProtocolDevice.enroll(gateway, admin)
    const stream = await phone.open({ path: '/commands', headers: { accept: 'text/event-stream' } })
    await new Promise((resolve) => setTimeout(resolve, 100))
    await retireDevice(admin, { deviceId: phone.id })
    const events = parseEventStream(stream)
    while (!(await events.next()).done);
    phone.close()
  })
})

/** Anything JSON can say, and the strings that hurt. */
const nasty = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom(
    '\0',
    '\ud800',
    '\u202e',
    'x'.repeat(70_000),
    '1e999',
    -1,
    2 ** 53,
    1.5,
    [[[[]]]],
    { __proto__x: 1 },
    '00000000-0000-7000-8000-000000000000',
  ),
)

describe('whatever a device sends', () => {
  const noServerError = async (call: Call) => {
    const { status, json, text } = await device.call(call)
    expect(status, text).toBeGreaterThanOrEqual(200)
    expect(status, text).toBeLessThan(500)
    if (status >= 400) expect(json).toMatchObject({ status, code: expect.any(String), requestId: expect.any(String) })
    return status
  }

  it('as the body of any POST is never our error', async () => {
    const paths = [
      '/facts',
      '/unlock',
      '/keys',
      '/events',
      '/enroll',
      '/commands/00000000-0000-7000-8000-000000000000/receipt',
    ]
    const types = ['application/json', 'application/jose', 'application/x-ndjson', 'text/plain', 'multipart/form-data']
    const property = fc.asyncProperty(
      fc.constantFrom(...paths),
      fc.constantFrom(...types),
      nasty,
      async (path, type, value) => {
        await noServerError({
          method: 'POST',
          path,
          type,
          body: typeof value === 'string' ? value : (JSON.stringify(value) ?? ''),
        })
      },
    )
    const found = [['/commands/00000000-0000-7000-8000-000000000000/receipt', 'application/json', '\0']] as [
      string,
      string,
      unknown,
    ][]
    await fc.assert(property, { numRuns: 120, examples: found })
  })

  it('in any field of the facts, an enrolment or a rotation is never our error', async () => {
    const shapes = {
      '/facts': { ...FACTS, model: 'm', serial: 's', tls: {}, capabilities: {} },
      '/enroll': device.enrollment('AAAA-BBBB-CCCC'),
      '/keys': { rotation: 'a.b.c', proof: 'a.b.c' },
    }
    const property = fc.asyncProperty(
      fc.constantFrom(...Object.entries(shapes)),
      fc.nat(20),
      nasty,
      async ([path, shape], field, value) => {
        const names = Object.keys(shape)
        const body = JSON.stringify({ ...shape, [names[field % names.length] ?? 'x']: value })
        await noServerError({ method: 'POST', path, body })
      },
    )
    await fc.assert(property, { numRuns: 120 })
  })

  it('in any field of an event is never our error', async () => {
    let seq = 10_000
    const fields = [
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
      'other',
    ]
    const property = fc.asyncProperty(fc.constantFrom(...fields), nasty, async (field, value) => {
      const body = eventLines(seq++, 1, () => ({ [field]: value }))
      const status = await noServerError({ method: 'POST', path: '/events', type: 'application/x-ndjson', body })
      // A number that was used before, by chance: that ends a device, and the next one goes on.
      if (status === 409) device = await ProtocolDevice.enroll(gateway, admin)
      else expect(status).toBe(200)
    })
    await fc.assert(property, { numRuns: 150 })
  })

  it('in a path, a query or the headers is never our error', async () => {
    const word = fc.string({ unit: 'binary-ascii', maxLength: 300 }).map(encodeURIComponent)
    const property = fc.asyncProperty(
      word,
      fc.constantFrom('/files/', '/files?cursor=', '/files/x?purpose=', '/commands?wait=', '/'),
      async (text, path) => {
        await noServerError({ path: `${path}${text}` })
      },
    )
    await fc.assert(property, { numRuns: 80 })
    const odd: Record<string, string>[] = [
      { dpop: 'x, y' },
      { authorization: 'DPoP' },
      { authorization: `DPoP ${'a'.repeat(5_000)}` },
      { 'content-length': '7' },
    ]
    for (const headers of odd) {
      await noServerError({ path: '/policy', headers })
    }
  })
})
