import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { BrowserAgent } from '#agent/browser/agent.ts'
import type { TabNotice } from '#agent/browser/tabs.ts'
import { listFiles } from '#agent/core/files.ts'
import { recordNotice } from '#agent/core/notices.ts'
import { openRelease } from '#agent/core/release.ts'
import { until } from '#agent/test/agent-process.ts'
import { copyDatabase, dump, useBrowsers } from '#agent/test/browser.ts'
import { concatBytes, utf8Decode, utf8Encode } from '#lib/bytes.ts'
import { uuidv7 } from '#lib/uuid.ts'
import { defaultPolicy, type PolicyDocument } from '#protocol/policy/document.ts'
import { publishFile } from '#server/content/commands.ts'
import { endInspections, inspectionJobs } from '#server/content/jobs.ts'
import { blockDevice, createEnrollmentCode, requestWipe, unblockDevice } from '#server/devices/commands.ts'
import { getDevice, getWipe } from '#server/devices/queries.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import { releaseDelayedRequest } from '#server/kernel/brake-decisions.ts'
import { testingOnlyAdvanceClock, testingOnlyResetClock } from '#server/kernel/clock.ts'
import { publishTighterPolicy, saveDraft } from '#server/policies/commands.ts'
import { makeGrant, makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { type StartedGateway, startGateway } from './test/started-gateway.ts'

vi.setConfig({ testTimeout: 60_000 })

const db = useDatabase()
const content = new Uint8Array(randomBytes(2_500_000))
let gateway: StartedGateway
let owner: PersonActor
let fileId: string
let stop: AbortController
let staying: Promise<unknown>[]

const browsers = useBrowsers(() => gateway)

beforeAll(async () => {
  gateway = await startGateway(db.dataDir)
})

afterAll(async () => {
  await endInspections()
  await gateway.stop()
})

beforeEach(async () => {
  owner = await makePerson(await makeTenant(), { role: 'owner', founder: true })
  ;({ id: fileId } = await publishFile(owner, { name: 'Plan.bin', labels: ['secret'], audience: 'everyone', content }))
  stop = new AbortController()
  staying = []
  return async () => {
    stop.abort()
    await Promise.all(staying)
  }
})

type Opened = { tab: BrowserAgent; heard: TabNotice[]; name: string; deviceId: string; outcome: Promise<string> }

/** A browser that is enrolled and connected. */
async function enrolled(): Promise<Opened> {
  const name = browsers.freshName()
  const tab = await browsers.tab(name)
  const heard: TabNotice[] = []
  tab.subscribe((notice) => heard.push(notice))
  const { code } = await createEnrollmentCode(owner, { personId: owner.personId })
  const { deviceId } = await tab.enroll(code)
  const outcome = tab.stayConnected(stop.signal)
  staying.push(outcome)
  await until('the list of files', () => heard.some(({ event }) => event === 'files'))
  return { tab, heard, name, deviceId, outcome }
}

async function granted<I>(command: { requestHash(input: I): Uint8Array }, input: I) {
  return { stepUpGrantId: await makeGrant(owner, command.requestHash(input)) }
}

async function setPolicy(change: (document: PolicyDocument) => void): Promise<void> {
  const document = defaultPolicy()
  change(document)
  await saveDraft(owner, { policyId: owner.tenantId, document })
  await publishTighterPolicy(owner, { policyId: owner.tenantId })
}

async function logged(action: string) {
  const log = await readLog(db, owner.tenantId)
  return log.map(({ entry }) => entry).filter((entry) => entry.action === action)
}

async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const part of chunks) parts.push(part)
  return concatBytes(...parts)
}

async function wipe(deviceId: string): Promise<string> {
  const input = { deviceId, scope: 'organisation-data' as const, reason: 'lost' }
  const { id: wipeId } = await requestWipe(owner, input, await granted(requestWipe, input))
  testingOnlyAdvanceClock(31_000)
  await releaseDelayedRequest(owner.tenantId, wipeId)
  testingOnlyResetClock()
  return wipeId
}

describe('a browser at the real gateway', () => {
  it('is a device: enrolled, listed, given a file in chunks, and the log knew it before', async () => {
    const { tab, deviceId } = await enrolled()
    expect(await getDevice(owner, { deviceId })).toMatchObject({
      status: 'active',
      platform: 'browser',
      channel: 'browser',
      capabilities: { preventCapture: false, keyStore: 'file' },
    })
    const device = await tab.device()
    expect(await listFiles(device)).toMatchObject([{ id: fileId, name: 'Plan.bin' }])
    const session = uuidv7()
    const { release, chunks } = await openRelease(device, { fileId, purpose: 'download', session })
    expect(release).toMatchObject({ fileId, name: 'Plan.bin', kind: 'original', sizeBytes: content.length })
    expect(release).not.toHaveProperty('contentKey')
    expect(await logged('file.download')).toMatchObject([{ source: 'server', device: { id: deviceId } }])
    expect(Buffer.from(await bytesOf(chunks())).equals(content)).toBe(true)
  })

  it('waits for a new file to be inspected, and is given what is shown instead of what was uploaded', async () => {
    const text = utf8Encode('caf\u00e9')
    const file = { name: 'Note.txt', mediaType: 'text/plain', labels: [], audience: 'everyone' as const }
    const { id } = await publishFile(owner, { ...file, content: text })
    const { tab, heard, deviceId } = await enrolled()
    const opening = openRelease(await tab.device(), { fileId: id, purpose: 'view', session: uuidv7() })
    await inspectionJobs['content.inspect']({ tenantId: owner.tenantId, contentId: id })
    const { release, chunks } = await opening
    expect(release).toMatchObject({
      fileId: id,
      kind: 'text',
      watermark: { text: expect.stringContaining(owner.name) },
    })
    expect(utf8Decode(await bytesOf(chunks()))).toContain('caf\u00e9')
    expect(await logged('file.view')).toMatchObject([{ source: 'server', device: { id: deviceId } }])
    await until('the news', () =>
      heard.some(({ event, ...notice }) => event === 'files' && JSON.stringify(notice).includes('"viewState":"ready"')),
    )
  })

  it('sends what a viewer notices at once, as what it is', async () => {
    await setPolicy(({ data }) => {
      data.screenshot.mode = 'block'
      data.print.mode = 'block'
    })
    const { tab, deviceId } = await enrolled()
    const device = await tab.device()
    await recordNotice(device, { fileId, means: 'printscreen', page: 2, session: uuidv7(), obscured: true })
    await recordNotice(device, { fileId, means: 'print', page: 2, obscured: false })
    await until('both', async () => (await logged('file.print')).length === 1)
    const shared = { outcome: 'allowed', source: 'device', target: { type: 'file', id: fileId }, labels: ['secret'] }
    expect(await logged('screenshot.attempt')).toMatchObject([
      { ...shared, enforcement: 'obscured', device: { id: deviceId } },
    ])
    expect(await logged('file.print')).toMatchObject([{ outcome: 'denied', enforcement: 'detected' }])
  })

  it('hears of a new file', async () => {
    const { heard } = await enrolled()
    const { id } = await publishFile(owner, {
      name: 'New.txt',
      labels: [],
      audience: 'everyone',
      content: content.slice(9),
    })
    await until('the new file', () =>
      heard.some((notice) => notice.event === 'files' && notice.files.some((file) => file.id === id)),
    )
  })

  it('says what the policy refuses, and why a file cannot be shown', async () => {
    const { tab } = await enrolled()
    await setPolicy(({ data }) => {
      data.download.mode = 'block'
    })
    const device = await tab.device()
    await expect(openRelease(device, { fileId, purpose: 'download' })).rejects.toMatchObject({ code: 'denied' })
    await expect(openRelease(device, { fileId: uuidv7(), purpose: 'view' })).rejects.toMatchObject({ code: 'refused' })
    expect(await logged('file.download')).toMatchObject([{ outcome: 'denied' }])
  })

  it('hides everything when it is blocked, in the middle of a file, and is served again later', async () => {
    const { tab, heard, deviceId } = await enrolled()
    const { chunks } = await openRelease(await tab.device(), { fileId, purpose: 'download' })
    const reading = chunks()
    await reading.next()
    await blockDevice(owner, { deviceId }, await granted(blockDevice, { deviceId }))
    await until('the lock', () => heard.some(({ event }) => event === 'locked'))
    await expect(
      (async () => {
        for await (const _ of reading);
      })(),
    ).rejects.toMatchObject({ code: 'revoked' })
    await expect(openRelease(await tab.device(), { fileId, purpose: 'download' })).rejects.toMatchObject({
      code: 'revoked',
    })
    await unblockDevice(owner, { deviceId }, await granted(unblockDevice, { deviceId }))
    await openRelease(await tab.device(), { fileId, purpose: 'download' })
  })

  it('is wiped: storage empty, receipt verified', async () => {
    const { tab, name, deviceId, outcome } = await enrolled()
    const wipeId = await wipe(deviceId)
    expect(await outcome).toBe('erased')
    expect(await getWipe(owner, { wipeId })).toMatchObject({
      state: 'erased',
      receipt: { result: 'erased', files: 0, verified: true },
    })
    expect(await tab.state()).toMatchObject({ state: 'erased', tombstone: { receipt: 'accepted' } })
    const { blobs, ...rest } = await dump(name)
    expect(blobs?.map(([key]) => key)).toEqual(['tombstone.json'])
    expect(rest).toEqual({ keys: [], events: [], counter: [] })
  })

  it('is wiped when it is next opened', async () => {
    const { tab, name, deviceId, outcome } = await enrolled()
    stop.abort()
    expect(await outcome).toBe('stopped')
    tab.close()
    const wipeId = await wipe(deviceId)
    expect(await getWipe(owner, { wipeId })).toMatchObject({ state: 'queued' })
    const later = await browsers.tab(name)
    expect(await later.sync()).toMatchObject({ status: 'wiped' })
    expect(await getWipe(owner, { wipeId })).toMatchObject({ state: 'erased', receipt: { verified: true } })
  })

  it('copied as a whole, keys and all, is told by its numbers, and both are blocked', async () => {
    const { tab, name, deviceId } = await enrolled()
    const copyName = browsers.freshName()
    await copyDatabase(name, copyName)
    await recordNotice(await tab.device(), { fileId, means: 'copy', obscured: false })
    await until('the first', async () => (await logged('file.copy')).length === 1)
    const copy = await browsers.tab(copyName)
    await recordNotice(await copy.device(), { fileId, means: 'copy', obscured: false })
    await expect(copy.sync()).rejects.toMatchObject({ code: 'clone_suspected' })
    expect(await getDevice(owner, { deviceId })).toMatchObject({ status: 'blocked' })
  })

  it('exported without what cannot be exported, opens nothing elsewhere', async () => {
    const { name } = await enrolled()
    const exported = JSON.parse(JSON.stringify(await dump(name)))
    // A key becomes an empty object in any export; the token is of no use without it.
    expect(exported.keys.map(([, { key }]: [string, { key: object }]) => key)).toEqual([{}, {}, {}])
  })
})
