import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { uuidv7 } from '#lib/uuid.ts'
import { testingOnlyResetClock } from '#server/kernel/clock.ts'
import { systemTransaction } from '#server/kernel/db.ts'
import { makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { expectSound, type Log, makeLog, served, view } from '#test/kept-logs.ts'
import { DAY, daysAgo, recordDrafts, setRules } from '#test/past.ts'
import { withoutWalls } from '#test/without-walls.ts'
import { verifySource } from '../../../cli/verify/verify-source.ts'
import { endEngine } from '../archive/engine/client.ts'
import { setArchiveRule } from '../archive/rule.ts'
import { archiveTenant } from '../archive/run.ts'
import { signHead } from '../checkpoints.ts'
import { verifyStoredLog } from '../verify-now.ts'
import { keepingJobs } from './jobs.ts'
import { type PurgeStep, purgeTenant } from './purge.ts'
import { listPurges } from './queries.ts'
import { purgeBefore } from './rules.ts'
import { purgeWholeMonths, type WholeMonthStep } from './whole-months.ts'

const db = useDatabase()

/** What tests left in place: each later round would look at it again. */
let parts: string[] = []
afterEach(async () => {
  testingOnlyResetClock()
  for (const part of parts) await withoutWalls(db, `DROP TABLE IF EXISTS ${part}`)
  parts = []
})
afterAll(() => endEngine())

function monthOf(days: number): string {
  return new Date(Date.now() - days * DAY).toISOString().slice(0, 7)
}

/** Each test has a month of its own: what another left in it would keep it from going. */
let daysBack = 70
/** Two organisations with twenty views each in a month that is long past. */
async function makeMonth({ days = [60, 60] } = {}) {
  daysBack += 35
  const first = daysBack
  for (const month of new Set([first, first - 1, 40].map(monthOf)))
    await db.superuser.query('SELECT audit_ensure_partitions($1::date, 0)', [`${month}-01`])
  const one = await makeLog(db, { first, signed: false })
  const two = await makeLog(db, { first, signed: false })
  for (const [number, { tenantId }] of [one, two].entries()) {
    await setRules(tenantId, { activity: days[number] ?? null })
    await signHead(tenantId)
  }
  const month = monthOf(first)
  const part = `audit_entry_activity_${month.replace('-', '')}`
  parts.push(part)
  const isThere = async () => {
    const { rows } = await db.superuser.query('SELECT to_regclass($1) IS NOT NULL AS there', [part])
    return rows[0]?.there === true
  }
  return { one, two, first, name: `activity ${month}`, part, isThere }
}

async function viewsOf({ viewsBy, lena, bo }: Log): Promise<number> {
  return (await viewsBy(lena)) + (await viewsBy(bo))
}

async function expectVerified({ tenantId }: Log, expected: object): Promise<void> {
  const verdicts = await Promise.all([verifyStoredLog(tenantId), verifySource(served(tenantId), {})])
  for (const { verdict } of verdicts) expect(verdict).toMatchObject(expected)
}

async function expectAllSound(...logs: Log[]): Promise<void> {
  await Promise.all(logs.map((log) => expectSound(db, log)))
}

/** The database gives up on a lock after two seconds; here at once, everything else of it as it is. */
async function withoutPatience(run: () => Promise<void>): Promise<void> {
  const { rows } = await db.superuser.query<{ text: string }>(
    `SELECT pg_get_functiondef('audit_drop_month(text, date, jsonb)'::regprocedure) AS text`,
  )
  const patient = rows[0]?.text ?? ''
  const hasty = patient.replace(`'lock_timeout', '2s'`, `'lock_timeout', '50ms'`)
  expect(hasty).not.toBe(patient)
  await db.superuser.query(hasty)
  await run().finally(() => db.superuser.query(patient))
}

describe('a month of a class that has expired for everybody', () => {
  it('goes in one piece the same night, with the purges, certificates and entries of each organisation', async () => {
    const { one, two, isThere } = await makeMonth()
    await keepingJobs['audit.purge']()
    expect(await isThere()).toBe(false)
    await expectAllSound(one, two)
    for (const log of [one, two]) {
      expect(await viewsOf(log)).toBe(4)
      expect((await listPurges(log.owner, {})).items).toMatchObject([{ class: 'activity', events: 20, holds: [] }])
      const said = (await readLog(db, log.tenantId)).filter(({ entry }) => entry.action === 'audit.purge')
      expect(said).toMatchObject([{ entry: { outcome: 'allowed' }, personal: { detail: { events: '20', kept: '0' } } }])
    }
  })

  it('stays where one organisation keeps it longer: the rows of the other are deleted', async () => {
    const { one, two, isThere } = await makeMonth({ days: [60, 5_000] })
    expect(await purgeWholeMonths()).toEqual([])
    await keepingJobs['audit.purge']()
    expect(await isThere()).toBe(true)
    expect([await viewsOf(one), await viewsOf(two)]).toEqual([4, 24])
    await expectSound(db, one)
  })

  it('stays where something in it is held: the rest goes by rows, nothing is recorded in vain', async () => {
    const { one, two, isThere } = await makeMonth()
    await two.hold({ kind: 'person', name: 'Case-7', reason: 'court', targetId: two.lena.personId })
    await signHead(two.tenantId)
    await keepingJobs['audit.purge']()
    expect(await isThere()).toBe(true)
    expect([await viewsOf(one), await viewsOf(two)]).toEqual([4, 14])
    await expectAllSound(one, two)
    for (const log of [one, two]) {
      const said = (await readLog(db, log.tenantId)).filter(({ entry }) => entry.action === 'audit.purge')
      expect(said.map(({ entry }) => entry.outcome)).toEqual(['allowed'])
    }
  })

  it('stays where a hold comes between recording and dropping, and what is held stays', async () => {
    const { one, two, isThere } = await makeMonth()
    const onStep = async (step: WholeMonthStep) => {
      if (step === 'certified')
        await two.hold({ kind: 'person', name: 'Case-7', reason: 'court', targetId: two.lena.personId })
    }
    expect(await purgeWholeMonths({ onStep })).toEqual([])
    expect([await viewsOf(one), await viewsOf(two)]).toEqual([24, 24])
    await signHead(two.tenantId)
    for (const log of [one, two]) await purgeTenant(log.tenantId)
    expect(await isThere()).toBe(true)
    expect([await viewsOf(one), await viewsOf(two)]).toEqual([4, 14])
    await expectSound(db, two)
  })

  it('goes the next night where the process died while it was recorded, and nothing is recorded twice', async () => {
    const { one, two, name } = await makeMonth()
    let recorded = 0
    const onStep = (step: WholeMonthStep) => {
      if (step === 'recorded' && ++recorded === 3) throw new Error('killed')
    }
    await expect(purgeWholeMonths({ onStep, purgeEvents: 12 })).rejects.toThrow('could not be purged')
    expect([await viewsOf(one), await viewsOf(two)]).toEqual([24, 24])
    await expectVerified(two, { ok: true, purged: 0 })
    expect(await purgeWholeMonths({ purgeEvents: 12 })).toEqual([name])
    await expectVerified(two, { ok: true, purged: 20 })
    for (const log of [one, two]) await purgeTenant(log.tenantId)
    await expectAllSound(one, two)
    for (const log of [one, two])
      expect((await listPurges(log.owner, {})).items).toMatchObject([{ events: 8 }, { events: 12 }])
  })

  it('goes by rows where the process died over a purge that reaches into another month: nothing is recorded twice', async () => {
    const { one, two, isThere } = await makeMonth()
    await setRules(one.tenantId, { activity: 35 })
    const onStep = (step: PurgeStep) => {
      if (step === 'recorded') throw new Error('killed')
    }
    await expect(purgeTenant(one.tenantId, { onStep })).rejects.toThrow('killed')
    await keepingJobs['audit.purge']()
    expect([await viewsOf(one), await viewsOf(two)]).toEqual([2, 4])
    for (const { tenantId } of [one, two]) {
      const said = (await readLog(db, tenantId)).filter(({ entry }) => entry.action === 'audit.purge')
      expect(said.map(({ entry, personal }) => [entry.outcome, personal.detail?.problem])).toEqual([
        ['allowed', undefined],
      ])
    }
    expect(await isThere()).toBe(false)
    await expectAllSound(one, two)
  })

  it('goes while somebody verifies the log: that is no alarm', async () => {
    const { one, name } = await makeMonth()
    const source = served(one.tenantId)
    let purging: Promise<string[]> | undefined
    const read = async (path: string) => {
      // The certificates were read before.
      if (path.startsWith('tile/')) {
        purging ??= purgeWholeMonths()
        await purging
      }
      return source.read(path)
    }
    expect((await verifySource({ ...source, read }, {})).verdict).toMatchObject({ ok: true, purged: 20 })
    expect(await purging).toEqual([name])
  })

  it('goes by rows where somebody reads it for long', async () => {
    const { one, two, part, isThere } = await makeMonth()
    const reader = await db.superuser.connect()
    try {
      await reader.query(`BEGIN; SELECT 1 FROM ${part} LIMIT 1`)
      await withoutPatience(async () => expect(await purgeWholeMonths({ attempts: 1 })).toEqual([]))
      for (const log of [one, two]) expect(await purgeTenant(log.tenantId)).toEqual({ events: 20 })
    } finally {
      reader.release(true)
    }
    expect(await isThere()).toBe(true)
    await expectVerified(two, { ok: true, purged: 20 })
  })

  it('goes with what is in the tables; what the archive has of it goes from its files', async () => {
    const { one: log, first } = await makeMonth()
    const lena = await daysAgo(first, async () => {
      const tenantId = await makeTenant()
      const owner = await makePerson(tenantId, { role: 'owner', founder: true })
      await recordDrafts(tenantId, [view(owner, log.fileA), view(owner, log.fileA)])
      return owner
    })
    const { tenantId } = lena
    await daysAgo(first - 1, () => recordDrafts(tenantId, [view(lena, log.fileA), view(lena, log.fileA)]))
    await setArchiveRule(lena, { days: first - 1 })
    await setRules(tenantId, { activity: 60 })
    await signHead(tenantId)
    expect(await archiveTenant(tenantId)).toMatchObject({ files: 1, problem: null })
    const gone = await purgeWholeMonths()
    expect(gone).toContain(`activity ${monthOf(first - 1)}`)
    expect((await verifyStoredLog(tenantId)).verdict).toMatchObject({ ok: true, purged: 2 })
    expect(await purgeTenant(tenantId)).toEqual({ events: 2 })
    expect((await verifyStoredLog(tenantId)).verdict).toMatchObject({ ok: true, purged: 4 })
  })

  it('dropped by somebody else, without a recorded purge, is missed by verification', async () => {
    const { one, two, part } = await makeMonth()
    const [first] = (await readLog(db, one.tenantId)).filter(({ entry }) => entry.action === 'file.view')
    await withoutWalls(db, `DROP TABLE ${part}`)
    await expectVerified(one, { ok: false, code: 'entry_removed', index: first?.index })
    expect(await purgeWholeMonths()).toEqual([])
    await expectVerified(two, { ok: false, code: 'entry_removed' })
  })
})

describe('the database', () => {
  it('drops a month only when purges and rows agree both ways, and tells what does not', async () => {
    const { one, two, name, part, isThere } = await makeMonth()
    const month = `${name.slice(-7)}-01`
    const die = (step: WholeMonthStep) => {
      if (step === 'certified') throw new Error('killed')
    }
    await expect(purgeWholeMonths({ onStep: die })).rejects.toThrow()
    const { rows: purges } = await db.superuser.query<{ tenant: string; purge: string }>(
      `SELECT tenant_id AS tenant, id AS purge FROM audit_purge WHERE tenant_id = ANY($1) ORDER BY tenant_id = $2`,
      [[one.tenantId, two.tenantId], two.tenantId],
    )
    const drop = async (of: readonly object[], on = month) => {
      const [row] = await systemTransaction((sql) =>
        sql<{ problem: string | null }>(
          `SELECT audit_drop_month('activity', $1::text::date, $2::text::jsonb) AS problem`,
          [on, JSON.stringify(of.map((each) => ({ ...each, note: 'x' })))],
        ),
      )
      return row?.problem
    }
    for (const some of [[], purges.slice(1)])
      expect(await drop(some)).toBe('entries of another organisation are in no purge')
    expect(await drop([...purges, { tenant: one.tenantId, purge: uuidv7() }])).toBe('a purge is not recorded')
    expect(await drop(purges.map(({ purge }) => ({ tenant: one.tenantId, purge })))).toBe('a purge is not recorded')
    expect(await drop(purges, '2020-01-01')).toBe('there is no such month')
    const [{ tenant, purge } = { tenant: '', purge: '' }] = purges
    const where = `WHERE tenant_id = '${tenant}' AND id = '${purge}'`
    const setLast = (by: string) => withoutWalls(db, `UPDATE audit_purge SET last_at = last_at ${by} ${where}`)
    await setLast(`+ interval '2000 days'`)
    expect(await drop(purges)).toBe('an entry has not expired')
    await setLast(`- interval '2000 days' - interval '1 day'`)
    expect(await drop(purges)).toBe('0 entries are there of the 20 to remove')
    await setLast(`+ interval '1 day'`)
    const other = `(tenant_id, index, class, recorded_at, id, entry)`
    await withoutWalls(
      db,
      `INSERT INTO audit_entry ${other} SELECT tenant_id, 9999, class, recorded_at, id, entry FROM ${part} LIMIT 1`,
    )
    expect(await drop(purges)).toBe('1 entries are in no purge')
    await withoutWalls(db, 'DELETE FROM audit_entry WHERE index = 9999')
    expect(await isThere()).toBe(true)
    const direct = (statement: string) => systemTransaction((sql) => sql(statement), { tenantId: one.tenantId })
    await expect(direct(`SELECT audit_settle_month('activity', '${month}', '[]')`)).rejects.toThrow('permission denied')
    expect(await purgeWholeMonths()).toEqual([name])
  })
})

describe('a period of a year or more', () => {
  it('ends with a month, a shorter one with a day', () => {
    const at = new Date('2026-11-23T09:41:07Z')
    expect(purgeBefore(364, at)).toEqual(new Date('2025-11-24T00:00:00Z'))
    expect(purgeBefore(365, at)).toEqual(new Date('2025-11-01T00:00:00Z'))
    expect(purgeBefore(365, new Date('2026-11-01T00:00:00Z'))).toEqual(new Date('2025-11-01T00:00:00Z'))
    expect(purgeBefore(null, at)).toBeNull()
  })
})
