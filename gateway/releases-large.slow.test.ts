import { createHash, randomFillSync } from 'node:crypto'
import { expect, it } from 'vitest'
import { importOpenKey } from '#protocol/device/keys.ts'
import { importContentKey, openRelease, openReleaseChunk } from '#protocol/device/release.ts'
import { publishStream } from '#server/content/commands.ts'
import { makePerson, makeTenant, useDatabase } from '#test/harness.ts'
import { ProtocolDevice } from './test/protocol-device.ts'
import { startGateway } from './test/started-gateway.ts'

const MIB = 1024 * 1024
const SIZE_MIB = 200

const db = useDatabase()

it('200 MB go in and out with flat memory', async () => {
  const gateway = await startGateway(db.dataDir)
  const admin = await makePerson(await makeTenant(), { role: 'owner', founder: true })
  const device = await ProtocolDevice.enroll(gateway, admin)
  const written = createHash('sha256')
  const piece = new Uint8Array(MIB)
  async function* body() {
    for (let n = 0; n < SIZE_MIB; n++) {
      randomFillSync(piece)
      written.update(piece)
      yield piece.slice()
    }
  }
  const before = process.memoryUsage().rss
  let peak = 0
  const looking = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss)
  }, 20)
  const { id: fileId } = await publishStream(admin, body(), async () => ({ name: 'Large.bin', audience: 'everyone' }))
  const answer = await device.call({ method: 'POST', path: `/files/${fileId}/releases`, body: { purpose: 'view' } })
  const { tenantId, deviceId, enrollmentId } = device.enrolled ?? { tenantId: '', deviceId: '', enrollmentId: '' }
  const binding = { tenantId, deviceId, enrollmentId, fileId }
  const release = await openRelease(answer.text, await importOpenKey(device.seal.privateJwk), binding)
  const { releaseId, chunkCount } = release
  const key = await importContentKey(release.contentKey)
  const read = createHash('sha256')
  for (let number = 0; number < chunkCount; number++) {
    const parts: Buffer[] = []
    for await (const part of await device.open({ path: `/releases/${releaseId}/chunks/${number}` })) parts.push(part)
    const place = { ...binding, releaseId, number, isLast: number + 1 === chunkCount }
    read.update(await openReleaseChunk(key, new Uint8Array(Buffer.concat(parts)), place))
  }
  clearInterval(looking)
  expect(read.digest('hex')).toBe(written.digest('hex'))
  // Both sides are in this process: held whole, it would be 400 and more.
  expect(peak - before).toBeLessThan(1.5 * SIZE_MIB * MIB)
  device.close()
  await gateway.stop()
}, 180_000)
