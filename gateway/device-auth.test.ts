import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { formatDeviceToken, parseDeviceToken } from '#protocol/device/token.ts'
import { blockDevice, createEnrollmentCode, unblockDevice } from '#server/devices/commands.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import { randomSecret } from '#server/kernel/keys.ts'
import { makeGrant, makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { FACTS, ProtocolDevice } from './test/protocol-device.ts'
import { type StartedGateway, startGateway } from './test/started-gateway.ts'

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

const policy = { path: '/policy' } as const

describe('a proof', () => {
  it('lets its device in, and tells the policy in force', async () => {
    const answer = await device.call(policy)
    expect(answer.status).toBe(200)
    expect(answer.headers['gatehouse-policy-version']).toBe('1')
  })

  it('works once, also among gateways and at the same moment', async () => {
    const other = await startGateway(db.dataDir)
    const raw = await device.proof(policy)
    const elsewhere = { ...policy, proof: { raw } }
    const second = new Proxy(device, {
      get: (target, name) => (name === 'gateway' ? other : Reflect.get(target, name)),
    })
    // The proof names the first gateway: behind one name they are the same.
    const answers = await Promise.all(Array.from({ length: 6 }, () => device.call(elsewhere)))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401, 401, 401, 401])
    expect((await second.call(elsewhere)).status).toBe(401)
    await other.stop()
    expect(answers.find(({ status }) => status === 401)?.json).toMatchObject({
      code: 'invalid_dpop_proof',
      reason: 'replayed',
    })
  })

  it.each([
    ['another method', { method: 'POST' }],
    ['another path', { url: 'https://localhost/device/v1/unlock' }],
    ['another host', { url: 'https://gateway.example/device/v1/policy' }],
    ['no token hash', { token: null }],
    ['another token', { token: 'gd_x' }],
    ['no signature', { raw: 'a.b.c' }],
    ['rubbish', { raw: 'x'.repeat(5_000) }],
  ])('for %s is refused', async (_name, proof) => {
    const answer = await device.call({ ...policy, proof })
    expect(answer.status).toBe(401)
    expect(answer.json).toMatchObject({ code: 'invalid_dpop_proof', status: 401 })
    expect(answer.headers['www-authenticate']).toMatch(/^DPoP /)
  })

  it('by another key is refused, whatever token it carries', async () => {
    const other = await ProtocolDevice.enroll(gateway, admin)
    const raw = await other.proof({ ...policy, proof: { token: device.token ?? '' } })
    expect((await device.call({ ...policy, proof: { raw } })).json).toMatchObject({ code: 'invalid_token' })
    other.close()
  })
})

describe('a wrong clock', () => {
  const hourOff = () => Date.now() - 3_600_000

  it('is asked for a nonce and is then served', async () => {
    const first = await device.call({ ...policy, proof: { nowMs: hourOff() } })
    expect(first.json).toMatchObject({ code: 'use_dpop_nonce' })
    const nonce = String(first.headers['dpop-nonce'])
    const raw = await device.proof({ ...policy, proof: { nowMs: hourOff(), nonce } })
    expect((await device.call({ ...policy, proof: { raw } })).status).toBe(200)
    expect((await device.call({ ...policy, proof: { raw } })).json).toMatchObject({ reason: 'replayed' })
  })

  it('is not served with a nonce that is not ours', async () => {
    const nonce = Buffer.alloc(30).toString('base64url')
    expect((await device.call({ ...policy, proof: { nowMs: hourOff(), nonce } })).json).toMatchObject({
      code: 'use_dpop_nonce',
    })
  })
})

describe('a token', () => {
  const withToken = (token: string) => {
    const headers = { authorization: `DPoP ${token}` }
    return device.call({ ...policy, headers, proof: { token } })
  }

  it('of another organisation, device or secret is not valid', async () => {
    const own = parseDeviceToken(device.token ?? '')
    const stranger = await makePerson(await makeTenant(), { role: 'owner', founder: true })
    const foreign = await ProtocolDevice.enroll(gateway, stranger)
    const theirs = parseDeviceToken(foreign.token ?? '')
    if (!own || !theirs) throw new Error('no tokens')
    const wrong = [
      { ...own, secret: randomSecret() },
      { ...own, tenantId: theirs.tenantId },
      { ...own, deviceId: theirs.deviceId },
      theirs,
    ]
    for (const token of wrong) {
      expect((await withToken(formatDeviceToken(token))).json).toMatchObject({ status: 401, code: 'invalid_token' })
    }
    foreign.close()
  })

  it('of no form is not valid', async () => {
    for (const token of ['x', 'gd_', `gd_${'a'.repeat(22)}.${'b'.repeat(22)}.${'c'.repeat(43)}`]) {
      expect((await withToken(token)).json).toMatchObject({ code: 'invalid_token' })
    }
    expect((await device.call({ ...policy, headers: { authorization: 'Bearer x' } })).status).toBe(401)
  })
})

describe('a blocked device', () => {
  it('is refused on its very next request, but for commands and receipts, until it is unblocked', async () => {
    const phone = await ProtocolDevice.enroll(gateway, admin)
    await blockDevice(admin, { deviceId: phone.id })
    for (const call of [
      policy,
      { path: '/files' },
      { method: 'POST', path: '/unlock', body: {} },
      { method: 'POST', path: '/facts', body: FACTS },
    ] as const) {
      expect((await phone.call(call)).json).toMatchObject({ status: 401, code: 'device_revoked' })
    }
    const { status, json } = await phone.call({ path: '/commands' })
    expect([status, (json.items as string[]).length]).toEqual([200, 1])
    const unknown = '00000000-0000-7000-8000-000000000000'
    expect(
      (
        await phone.call({
          method: 'POST',
          path: `/commands/${unknown}/receipt`,
          body: 'a.b.c',
          type: 'application/jose',
        })
      ).status,
    ).toBe(404)
    const input = { deviceId: phone.id }
    await unblockDevice(admin, input, { stepUpGrantId: await makeGrant(admin, unblockDevice.requestHash(input)) })
    expect((await phone.call(policy)).status).toBe(200)
    phone.close()
  })
})

describe('enrolling', () => {
  const enroll = async (change: (body: ReturnType<ProtocolDevice['enrollment']>) => object = (body) => body) => {
    const phone = await ProtocolDevice.create(gateway)
    const { code } = await createEnrollmentCode(admin, { personId: admin.personId })
    const answer = await phone.call({ method: 'POST', path: '/enroll', body: change(phone.enrollment(code)) })
    phone.close()
    return answer
  }

  it('with keys that the proof is not made with is refused', async () => {
    const body = await enroll((given) => ({ ...given, keys: { ...given.keys, sign: given.keys.seal } }))
    expect(body.json).toMatchObject({ status: 401, code: 'invalid_dpop_proof' })
  })

  it('with a seal key that is no point of the curve names it', async () => {
    const off = { kty: 'EC', crv: 'P-256', x: 'A'.repeat(43), y: 'A'.repeat(43) }
    const body = await enroll((given) => ({ ...given, keys: { ...given.keys, seal: off } }))
    expect(body.json).toMatchObject({ status: 400, code: 'invalid', errors: [{ field: 'keys.seal' }] })
  })

  it('with an unknown code says nothing about codes, and guessing ends soon', async () => {
    const strict = await startGateway(db.dataDir, { rates: { refusedEnroll: { burst: 3, perSecond: 0.001 } } })
    const phone = await ProtocolDevice.create(strict)
    const guess = () => phone.call({ method: 'POST', path: '/enroll', body: phone.enrollment('AAAA-BBBB-CCCC') })
    for (let n = 0; n < 3; n++)
      expect((await guess()).json).toMatchObject({ status: 403, code: 'enrollment_code_invalid' })
    const limited = await guess()
    expect(limited.json).toMatchObject({ status: 429, code: 'rate_limited' })
    expect(Number(limited.headers['retry-after'])).toBeGreaterThan(0)
    phone.close()
    await strict.stop()
  })

  it('is in the log with the address it came from', async () => {
    const { json } = await enroll()
    const log = await readLog(db, admin.tenantId)
    const entry = log.find(
      ({ entry: { action, device: about } }) => action === 'device.enroll' && about?.id === json.deviceId,
    )
    expect(entry?.entry).toMatchObject({ outcome: 'allowed', actor: { kind: 'person', id: admin.personId } })
    expect(entry?.personal).toMatchObject({ address: '127.0.0.1', deviceName: FACTS.name })
  })
})

describe('limits', () => {
  it('stop an address whose requests keep failing before anything is verified', async () => {
    const strict = await startGateway(db.dataDir, { rates: { failures: { burst: 5, perSecond: 0.01 } } })
    const phone = await ProtocolDevice.create(strict)
    const statuses: number[] = []
    for (let n = 0; n < 7; n++)
      statuses.push((await phone.call({ ...policy, headers: { authorization: 'DPoP x' } })).status)
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429])
    phone.close()
    await strict.stop()
  })

  it('slow one device down and leave the others alone', async () => {
    const strict = await startGateway(db.dataDir, { rates: { device: { burst: 3, perSecond: 0.01 } } })
    const [one, two] = [await ProtocolDevice.enroll(strict, admin), await ProtocolDevice.enroll(strict, admin)]
    const statuses: number[] = []
    for (let n = 0; n < 5; n++) statuses.push((await one.call(policy)).status)
    expect(statuses).toEqual([200, 200, 200, 429, 429])
    expect((await two.call(policy)).status).toBe(200)
    for (const phone of [one, two]) phone.close()
    await strict.stop()
  })
})
