import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { uuidv7 } from '#lib/uuid.ts'
import { importOpenKey } from '#protocol/device/keys.ts'
import { fileEntrySchema, type Release } from '#protocol/device/messages.ts'
import { importContentKey, openRelease, openReleaseChunk, RELEASE_CHUNK_BYTES } from '#protocol/device/release.ts'
import { publishFile } from '#server/content/commands.ts'
import { blockDevice } from '#server/devices/commands.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import { makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { ProtocolDevice, textOf } from './test/protocol-device.ts'
import { type StartedGateway, startGateway } from './test/started-gateway.ts'

vi.setConfig({ testTimeout: 60_000 })

const db = useDatabase()
let gateway: StartedGateway
let admin: PersonActor
let device: ProtocolDevice
let fileId: string
const content = new Uint8Array(randomBytes(2 * RELEASE_CHUNK_BYTES + 5))

beforeAll(async () => {
  gateway = await startGateway(db.dataDir)
  admin = await makePerson(await makeTenant(), { role: 'owner', founder: true })
  device = await ProtocolDevice.enroll(gateway, admin)
  ;({ id: fileId } = await publishFile(admin, { name: 'Plan.pdf', audience: 'everyone', content }))
})
afterAll(async () => {
  device.close()
  await gateway.stop()
})

const ask = (body: object, phone = device, id = fileId) =>
  phone.call({ method: 'POST', path: `/files/${id}/releases`, body })

function bindingOf({ enrolled }: ProtocolDevice) {
  if (!enrolled) throw new Error('not enrolled')
  const { tenantId, deviceId, enrollmentId } = enrolled
  return { tenantId, deviceId, enrollmentId, fileId }
}

async function opened(jwe: string, phone = device): Promise<Release> {
  return openRelease(jwe, await importOpenKey(phone.seal.privateJwk), bindingOf(phone))
}

async function bytesOf(path: string, phone = device) {
  const response = await phone.open({ path })
  const parts: Buffer[] = []
  for await (const part of response) parts.push(part)
  return { status: response.statusCode, headers: response.headers, bytes: Buffer.concat(parts) }
}

const chunkPath = (releaseId: string, number: number | string) => `/releases/${releaseId}/chunks/${number}`

describe('a release', () => {
  it('is a JWE that only this device opens; its chunks are the file, and travel without a byte of it', async () => {
    const answer = await ask({ purpose: 'view', session: uuidv7() })
    expect([answer.status, answer.headers['content-type'], answer.headers['cache-control']]).toEqual([
      201,
      'application/jose',
      'no-store',
    ])
    const release = await opened(answer.text)
    expect(release).toMatchObject({ kind: 'original', sizeBytes: content.length, chunkCount: 3 })
    const key = await importContentKey(release.contentKey)
    const parts: Uint8Array[] = []
    for (let number = 0; number < 3; number++) {
      const { status, headers, bytes } = await bytesOf(chunkPath(release.releaseId, number))
      expect([status, headers['content-type']]).toEqual([200, 'application/octet-stream'])
      expect(bytes.includes(Buffer.from(content.subarray(number * RELEASE_CHUNK_BYTES).subarray(0, 32)))).toBe(false)
      const place = { ...bindingOf(device), releaseId: release.releaseId, number, isLast: number === 2 }
      parts.push(await openReleaseChunk(key, new Uint8Array(bytes), place))
    }
    expect(Buffer.concat(parts).equals(content)).toBe(true)
  })

  it('is in the log before its answer', async () => {
    const before = (await readLog(db, admin.tenantId)).length
    const { releaseId } = await opened((await ask({ purpose: 'download' })).text)
    const log = (await readLog(db, admin.tenantId)).slice(before)
    expect(log.map(({ entry, personal }) => [entry.action, personal.detail?.releaseId])).toEqual([
      ['file.release', releaseId],
    ])
  })

  it('does not reach another device, and ends with a block', async () => {
    const phone = await ProtocolDevice.enroll(gateway, admin)
    const { releaseId } = await opened((await ask({ purpose: 'view' }, phone)).text, phone)
    expect((await device.call({ path: chunkPath(releaseId, 0) })).json).toMatchObject({ status: 404 })
    expect((await bytesOf(chunkPath(releaseId, 0), phone)).status).toBe(200)
    await blockDevice(admin, { deviceId: phone.id })
    for (const answer of [await phone.call({ path: chunkPath(releaseId, 0) }), await ask({ purpose: 'view' }, phone)])
      expect(answer.json).toMatchObject({ status: 401, code: 'device_revoked' })
    phone.close()
  })

  it('that is asked for wrongly names the field', async () => {
    expect((await ask({})).json).toMatchObject({ status: 400, errors: [{ field: 'purpose' }] })
    expect((await ask({ purpose: 'view', session: 'x' })).json).toMatchObject({ errors: [{ field: 'session' }] })
    expect((await ask({ purpose: 'view' }, device, 'x')).json).toMatchObject({ errors: [{ field: 'fileId' }] })
    expect((await ask({ purpose: 'view' }, device, uuidv7())).json).toMatchObject({ status: 404, code: 'not_found' })
    const { releaseId } = await opened((await ask({ purpose: 'view' })).text)
    for (const number of ['3', '999999']) {
      expect((await device.call({ path: chunkPath(releaseId, number) })).json).toMatchObject({ status: 404 })
    }
    for (const number of ['-1', '1e3', '00', '%00', '1000000', ' ']) {
      expect((await device.call({ path: chunkPath(releaseId, encodeURIComponent(number)) })).json).toMatchObject({
        status: 400,
      })
    }
  })

  it('of a damaged content is told as such, never as our error', async () => {
    const { id } = await publishFile(admin, { name: 'x', audience: 'everyone', content })
    const { releaseId } = await openRelease(
      (await ask({ purpose: 'view' }, device, id)).text,
      await importOpenKey(device.seal.privateJwk),
      { ...bindingOf(device), fileId: id },
    )
    await db.superuser.query(
      `UPDATE file_chunk SET bytes = set_byte(bytes, 20, get_byte(bytes, 20) # 1) WHERE content_id = $1`,
      [id],
    )
    const answer = await device.call({ path: chunkPath(releaseId, 1) })
    expect(answer.json).toMatchObject({ status: 409, code: 'content_damaged' })
    expect((await device.call({ path: `/files/${id}` })).json).toMatchObject({ status: 409, code: 'content_damaged' })
  })
})

describe('a browser', () => {
  it('waits for the inspection, and is given nothing in one piece', async () => {
    const browser = await ProtocolDevice.enroll(gateway, admin, admin.personId, { platform: 'browser' })
    const { id } = await publishFile(admin, { name: 'x', audience: 'everyone', content })
    const waiting = await ask({ purpose: 'view' }, browser, id)
    expect(waiting.json).toMatchObject({ status: 503, code: 'unavailable' })
    expect(waiting.headers['retry-after']).toBe('1')
    expect((await browser.call({ path: `/files/${id}` })).json).toMatchObject({ status: 409 })
    browser.close()
  })
})

describe('a whole file', () => {
  it('that is too large for it points to releases', async () => {
    const { id } = await publishFile(admin, { name: 'x', audience: 'everyone', content: new Uint8Array(9) })
    const client = await db.superuser.connect()
    await client.query(`SET session_replication_role = 'replica'`)
    await client.query('UPDATE file SET size_bytes = 52428801 WHERE id = $1', [id])
    await client.query(`SET session_replication_role = 'origin'`)
    client.release()
    expect((await device.call({ path: `/files/${id}` })).json).toMatchObject({
      status: 413,
      code: 'payload_too_large',
      detail: expect.stringContaining('/releases'),
    })
  })
})

describe('forwarding', () => {
  const forward = (body: object, id = fileId) => device.call({ method: 'POST', path: `/files/${id}/forward`, body })

  it('gives the copy’s id, and the recipient’s device lists it', async () => {
    const bo = await makePerson(admin.tenantId, { role: 'member' })
    const phone = await ProtocolDevice.enroll(gateway, admin, bo.personId)
    const { status, json } = await forward({ to: bo.email })
    expect([status, json]).toMatchObject([201, { name: 'Plan.pdf', to: bo.email }])
    const items = (await phone.call({ path: '/files' })).json.items as unknown[]
    const copy = items.map((item) => fileEntrySchema.parse(item)).find(({ id }) => id === json.fileId)
    expect(copy).toMatchObject({ sharedBy: admin.name, viewState: 'pending', may: { forward: 'allow' } })
    phone.close()
  })

  it('names what is wrong', async () => {
    expect((await forward({})).json).toMatchObject({ status: 400, errors: [{ field: 'to' }] })
    expect((await forward({ to: 'x' })).json).toMatchObject({ status: 400, errors: [{ field: 'to' }] })
    expect((await forward({ to: 'a@example.org' }, uuidv7())).json).toMatchObject({ status: 404 })
  })
})

describe('a device that takes nothing in', () => {
  it('is kept four files at most, the newest; it and everybody else are served on', async () => {
    const phone = await ProtocolDevice.enroll(gateway, admin)
    // Larger than what the connection holds by itself.
    const large = await publishFile(admin, {
      name: 'Large.bin',
      audience: 'everyone',
      content: new Uint8Array(randomBytes(8 * RELEASE_CHUNK_BYTES)),
    })
    const path = `/files/${large.id}`
    const answers: IncomingMessage[] = []
    for (let count = 0; count < 6; count++) answers.push(await phone.open({ path }))
    const outcomes = await Promise.all(answers.map((answer) => textOf(answer).catch(() => 'ended')))
    expect(outcomes.map((text) => text === 'ended')).toEqual([true, true, false, false, false, false])
    // Several at once, so that some are ended while they are still being sealed.
    const together = await Promise.allSettled(Array.from({ length: 6 }, () => phone.call({ path })))
    expect(together.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThanOrEqual(4)
    expect((await device.call({ path })).status).toBe(200)
    phone.close()
  })
})

describe('whatever a device sends', () => {
  it('as the body or the path of a release, a chunk or a forward is never our error', async () => {
    const paths = fc.constantFrom(`/files/${fileId}/releases`, `/files/${fileId}/forward`, '/files/x/releases')
    const members = fc.constantFrom('purpose', 'reason', 'session', 'to', 'constructor', '__proto__')
    const property = fc.asyncProperty(paths, fc.dictionary(members, fc.jsonValue()), async (path, body) => {
      const { status } = await device.call({ method: 'POST', path, body })
      expect(status).toBeLessThan(500)
    })
    await fc.assert(property, { numRuns: 60 })
  })
})
