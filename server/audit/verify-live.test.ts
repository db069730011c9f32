import { afterAll, expect, it } from 'vitest'
import { grow } from '#test/attacks.ts'
import { makePerson, makeTenant, useDatabase } from '#test/harness.ts'
import { daysAgo, setRules, usePast } from '#test/past.ts'
import { endEngine } from './archive/engine/client.ts'
import { setArchiveRule } from './archive/rule.ts'
import { archiveTenant } from './archive/run.ts'
import { signHead } from './checkpoints.ts'
import { purgeTenant } from './keeping/purge.ts'
import { verifyStoredLog } from './verify-now.ts'

const db = useDatabase()

usePast(db, 120)
afterAll(() => endEngine())

/** So many entries that they are not read at once, 100 days old. */
async function makeLog() {
  const { tenantId, owner } = await daysAgo(100, async () => {
    const tenantId = await makeTenant()
    const owner = await makePerson(tenantId, { role: 'owner', founder: true })
    await grow(tenantId, 1_500)
    return { tenantId, owner }
  })
  await setArchiveRule(owner, { days: 60 })
  await signHead(tenantId)
  return tenantId
}

/** Verifies a log to which something happens once a part of it was read. */
async function verifiedWhile(tenantId: string, happens: () => Promise<unknown>) {
  let hasHappened = false
  const onProgress = async () => {
    if (hasHappened) return
    hasHappened = true
    await happens()
  }
  return (await verifyStoredLog(tenantId, { onProgress })).verdict
}

it('holds while it grows', async () => {
  const tenantId = await makeLog()
  expect(await verifiedWhile(tenantId, () => grow(tenantId, 3))).toMatchObject({ ok: true })
})

it('holds while its days go into the archive', async () => {
  const tenantId = await makeLog()
  const verdict = await verifiedWhile(tenantId, async () =>
    expect(await archiveTenant(tenantId)).toMatchObject({ files: 1, problem: null }),
  )
  expect(verdict).toMatchObject({ ok: true })
})

it('holds while some of it expires', async () => {
  const tenantId = await makeLog()
  await setRules(tenantId, { control: 90 })
  await signHead(tenantId)
  const verdict = await verifiedWhile(tenantId, async () =>
    expect((await purgeTenant(tenantId)).events).toBeGreaterThan(1_400),
  )
  expect(verdict).toMatchObject({ ok: true })
})
