import { readFileSync, renameSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { uuidv7 } from '#lib/uuid.ts'
import { testingOnlyAdvanceClock, testingOnlyResetClock } from '#server/kernel/clock.ts'
import { pgTransaction, readTransaction } from '#server/kernel/db.ts'
import { gettingFirst } from '#server/kernel/needed-first.ts'
import { runtime } from '#server/kernel/runtime.ts'
import { makePerson, makeTenant, useDatabase } from '#test/harness.ts'
import { DAY, recordDrafts, usePast } from '#test/past.ts'
import { searchAudit } from '../ask.ts'
import { signHead } from '../checkpoints.ts'
import { previewPurge } from '../keeping/preview.ts'
import { KEEP_EVERYTHING } from '../keeping/schema.ts'
import { eachMatch } from '../matches.ts'
import { search } from '../search.ts'
import { eachMatchAsStored } from '../stored-matches.ts'
import { getTrust } from '../witness/trust.ts'
import { archiveRoots, endEngine } from './engine/client.ts'
import { readRecordedFiles } from './files.ts'
import { setArchiveRule } from './rule.ts'
import { archiveTenant } from './run.ts'

const db = useDatabase()
usePast(db, 200)

/** Where files are kept elsewhere: what a bucket would have, and whether it answers. */
const bucket = { root: '', isSilent: false, asked: [] as string[] }
const server = createServer((request: IncomingMessage, response: ServerResponse) => {
  const name = decodeURIComponent(request.url ?? '').replace('/vault/', '')
  bucket.asked.push(name)
  if (!bucket.isSilent) response.end(readFileSync(join(bucket.root, name)))
})

beforeAll(async () => {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
})
afterEach(() => {
  vi.unstubAllEnvs()
  bucket.isSilent = false
})
afterAll(() => {
  endEngine()
  server.closeAllConnections()
  server.close()
})

/** Eight days with three views each went into files, which then lie in the bucket alone. */
async function makeLog() {
  testingOnlyAdvanceClock(-100 * DAY)
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner', founder: true })
  for (let day = 0; day < 8; day++) {
    const view = (n: number) => ({
      action: 'file.view' as const,
      target: { type: 'file', id: uuidv7() },
      words: day === 0 && n === 0 ? 'meadow' : undefined,
    })
    await recordDrafts(tenantId, [view(0), view(1), view(2)])
    testingOnlyAdvanceClock(DAY)
  }
  testingOnlyResetClock()
  await setArchiveRule(owner, { days: 60 })
  await signHead(tenantId)
  expect(await archiveTenant(tenantId)).toMatchObject({ files: 8, problem: null })
  const files = await readTransaction(tenantId, ({ sql }) => readRecordedFiles(sql, tenantId))
  bucket.root = join(archiveRoots().files, `../bucket-${tenantId}`)
  renameSync(archiveRoots().files, bucket.root)
  return { tenantId, owner, names: files.map(({ name }) => name) }
}

/** No file is on this machine. */
function lookElsewhere(): void {
  rmSync(archiveRoots().cache, { recursive: true, force: true })
  bucket.asked = []
  vi.stubEnv('GATEHOUSE_ARCHIVE_S3_ENDPOINT', `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  vi.stubEnv('GATEHOUSE_ARCHIVE_S3_BUCKET', 'vault')
  vi.stubEnv('GATEHOUSE_ARCHIVE_S3_REGION', 'eu-south-1')
  vi.stubEnv('GATEHOUSE_ARCHIVE_S3_ACCESS_KEY_ID', 'KEYID')
  vi.stubEnv('GATEHOUSE_ARCHIVE_S3_SECRET_ACCESS_KEY', 'SECRET')
}

const asking = (q: string) => ({ q, order: 'newest' as const, limit: 10, from: undefined, to: undefined })
const find = (tenantId: string, q: string) => () =>
  pgTransaction('reader', tenantId, (_client, sql) => search(sql, tenantId, asking(q)))

describe('files that have to be fetched', () => {
  let log: Awaited<ReturnType<typeof makeLog>>
  beforeAll(async () => {
    log = await makeLog()
  })

  it('come before the transaction that reads them, some at a time; a page says how far it came', async () => {
    const { tenantId, owner, names } = log
    lookElsewhere()
    const newest = [...names].reverse()
    const first = await searchAudit(owner, asking('action:file.view'))
    expect(first.items).toHaveLength(10)
    // A total is worth no fetching.
    expect(first.total).toMatchObject({ capped: true })
    expect([...bucket.asked].sort()).toEqual(newest.slice(0, 7).sort())
    const rare = await searchAudit(owner, asking('meadow'))
    expect(rare).toMatchObject({ items: [], nextCursor: expect.any(String) })
    expect(bucket.asked).not.toContain(names[0])
    const rest = await searchAudit(owner, { ...asking('meadow'), cursor: rare.nextCursor ?? '' })
    expect(rest).toMatchObject({ items: [{ action: 'file.view' }], nextCursor: null })
    expect([...bucket.asked].sort()).toEqual([...names].sort())
    let read = 0
    for await (const { items } of eachMatch(tenantId, { ...asking('action:file.view'), order: 'oldest' }))
      read += items.length
    expect(read).toBe(24)
  })

  it('that do not come are unavailable, by name, in time, and hold no connection meanwhile', async () => {
    const { tenantId, owner, names } = log
    lookElsewhere()
    bucket.isSilent = true
    const away = {
      code: 'unavailable',
      status: 503,
      detail: `The archive’s bucket vault has not given ${names.at(-1)} yet. It is fetched on: try again in a moment.`,
    }
    let isOver = false
    const waiting = gettingFirst(400, find(tenantId, 'action:file.view')).finally(() => {
      isOver = true
    })
    const refused = expect(waiting).rejects.toMatchObject(away)
    const { reader } = runtime().pools
    await vi.waitFor(() => expect([bucket.asked.length, reader.totalCount - reader.idleCount]).toEqual([1, 0]))
    expect(isOver).toBe(false)
    await refused
    const stored = eachMatchAsStored(tenantId, { q: '', from: undefined, to: undefined, fetchMs: 100 })
    await expect(stored.next()).rejects.toMatchObject({ code: 'unavailable' })
    // What is in the tables is found all the same.
    expect(await gettingFirst(100, find(tenantId, 'action:audit.archive'))).toMatchObject({
      items: [{}, {}],
      nextCursor: expect.any(String),
    })
    // What the log is worth is told without them.
    expect(await getTrust(owner, {})).toMatchObject({ state: 'ok', verified: null })
    const rules = { ...KEEP_EVERYTHING, activity: 30 }
    expect(await previewPurge(tenantId, { now: new Date(), rules, budgetMs: 100 })).toMatchObject({ partial: true })
    // The same request is still under way, and nobody asks twice.
    expect(bucket.asked).toEqual([names.at(-1), names[0]])
  })
})
