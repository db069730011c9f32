import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { systemActor } from '#server/kernel/actor.ts'
import { testingOnlyAdvanceClock, testingOnlyResetClock } from '#server/kernel/clock.ts'
import { runInTransaction } from '#server/kernel/command.ts'
import { grow } from '#test/attacks.ts'
import { makePerson, makeTenant, useDatabase } from '#test/harness.ts'
import { endEngine } from './archive/engine/client.ts'
import { setArchiveRule } from './archive/rule.ts'
import { archiveTenant } from './archive/run.ts'
import { signHead } from './checkpoints.ts'
import { purgeTenant } from './keeping/purge.ts'
import { bumpRevision, lockKeeping, writeRules } from './keeping/rules.ts'
import { KEEP_EVERYTHING } from './keeping/schema.ts'
import { verifyStoredLog } from './verify-now.ts'

const db = useDatabase()
const DAY = 86_400_000

beforeAll(async () => {
  const from = new Date(Date.now() - 120 * DAY).toISOString()
  await db.superuser.query('SELECT audit_ensure_partitions($1::date, 5)', [from])
})
afterEach(() => testingOnlyResetClock())
afterAll(() => endEngine())

/** So many entries that they are not read at once, 100 days old. */
async function makeLog() {
  testingOnlyAdvanceClock(-100 * DAY)
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner', founder: true })
  await grow(tenantId, 1_500)
  testingOnlyResetClock()
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
  await runInTransaction({ actor: systemActor(tenantId, 'test'), name: 'test.rules' }, async ({ sql, now }) => {
    await lockKeeping(sql, tenantId)
    await writeRules(sql, tenantId, { ...KEEP_EVERYTHING, control: 90 }, now)
    await bumpRevision(sql, tenantId)
    return { result: null, audit: { action: 'audit.retention' } }
  })
  await signHead(tenantId)
  const verdict = await verifiedWhile(tenantId, async () =>
    expect((await purgeTenant(tenantId)).events).toBeGreaterThan(1_400),
  )
  expect(verdict).toMatchObject({ ok: true })
})
