import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { uuidv7 } from '#lib/uuid.ts'
import { publishFile } from '#server/content/commands.ts'
import { testingOnlyAdvanceClock, testingOnlyResetClock } from '#server/kernel/clock.ts'
import { readTransaction, systemTransaction } from '#server/kernel/db.ts'
import { enrollTestDevice } from '#test/device.ts'
import { makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { expectSound, type Log, makeLog, served, view } from '#test/kept-logs.ts'
import { DAY, daysAgo, recordDrafts, setRules, usePast } from '#test/past.ts'
import { withoutWalls } from '#test/without-walls.ts'
import { verifySource } from '../../../cli/verify/verify-source.ts'
import { signHead } from '../checkpoints.ts'
import { getEventProof } from '../queries.ts'
import { verifyStoredLog } from '../verify-now.ts'
import { placeHold } from './hold-commands.ts'
import { type PurgeStep, purgeTenant } from './purge.ts'
import { listHolds, listPurges, previewKeeping } from './queries.ts'
import { dropEmptyMonths } from './remove.ts'
import type { PlaceHold } from './schema.ts'

const db = useDatabase()

usePast(db, 200)

describe('a purge', () => {
  it('removes what the preview said, class by class, and leaves every proof valid', async () => {
    const log = await makeLog(db)
    const { tenantId, owner, lena, viewsBy } = log
    expect(await previewKeeping(owner, {})).toMatchObject({ goes: 0, kept: 0, classes: [] })
    expect(await purgeTenant(tenantId)).toEqual({ events: 0 })
    await setRules(tenantId, { activity: 60 })
    await signHead(tenantId)
    const preview = await previewKeeping(owner, {})
    expect(preview).toMatchObject({ goes: 20, kept: 0, partial: false, holds: [] })
    expect(preview.classes).toMatchObject([{ class: 'activity', goes: 20, days: [{ goes: 20, kept: 0 }] }])
    expect(await previewKeeping(owner, { rules: { control: null, access: 30, activity: 30 } })).toMatchObject({
      goes: 23,
    })
    expect(await purgeTenant(tenantId)).toEqual({ events: 20 })
    expect(await viewsBy(lena)).toBe(2)
    expect(await previewKeeping(owner, {})).toMatchObject({ goes: 0 })
    await expectSound(db, log)
    const [entry] = (await readLog(db, tenantId)).filter((one) => one.entry.action === 'audit.purge')
    expect(entry).toMatchObject({
      entry: { outcome: 'allowed', actor: { kind: 'system' } },
      personal: { detail: { class: 'activity', days: '60', events: '20', kept: '0', holds: [] } },
    })
    const [kept] = (await readLog(db, tenantId)).filter(({ entry: one }) => one.action === 'file.view')
    expect(await getEventProof(owner, { eventId: kept?.entry.id ?? '' })).toMatchObject({ holds: true })
    expect(await purgeTenant(tenantId)).toEqual({ events: 0 })
    await withoutWalls(db, `DELETE FROM audit_entry WHERE tenant_id = '${tenantId}' AND index = ${kept?.index}`)
    for (const { verdict } of [await verifyStoredLog(tenantId), await verifySource(served(tenantId), {})])
      expect(verdict).toMatchObject({ ok: false, code: 'entry_removed', index: kept?.index })
  })

  it('needs several certificates for much, and nothing is left over between them', async () => {
    const log = await makeLog(db)
    await setRules(log.tenantId, { activity: 30, access: 30 })
    await signHead(log.tenantId)
    expect(await purgeTenant(log.tenantId, { purgeEvents: 5 })).toEqual({ events: 23 })
    await expectSound(db, log)
  })

  it('leaves alone what was not signed, and a log that is not the one that was signed', async () => {
    const { tenantId } = await makeLog(db, { signed: false })
    await setRules(tenantId, { activity: 30 })
    expect(await purgeTenant(tenantId)).toEqual({ events: 0 })
    await signHead(tenantId)
    // Published was more than there is: somebody brought an old backup back.
    const ahead = { size: 10_000, note: 'x', signedAt: new Date().toISOString() }
    const published = join(db.dataDir, 'checkpoints', `${tenantId}.log`)
    const before = readFileSync(published)
    appendFileSync(published, `${JSON.stringify(ahead)}\n`)
    expect(await purgeTenant(tenantId)).toEqual({ events: 0 })
    writeFileSync(published, before)
    expect(await purgeTenant(tenantId)).toEqual({ events: 22 })
  })

  it.each([
    ['altered', "entry = replace(entry, 'allowed', 'denied')"],
    ['made older', "recorded_at = recorded_at - interval '1 second'"],
  ])('stops before an entry that somebody %s: it stays, as evidence', async (_, change) => {
    const { tenantId, indexes } = await makeLog(db)
    await setRules(tenantId, { activity: 30 })
    await signHead(tenantId)
    const before = await indexes()
    await withoutWalls(db, `UPDATE audit_entry SET ${change} WHERE tenant_id = '${tenantId}' AND index = ${before[8]}`)
    expect(await purgeTenant(tenantId)).toEqual({ events: 0 })
    expect(await indexes()).toEqual(expect.arrayContaining(before))
    expect((await readLog(db, tenantId)).at(-1)).toMatchObject({
      entry: { action: 'audit.purge', outcome: 'failed' },
      personal: { detail: { problem: 'altered', index: String(before[8]) } },
    })
  })

  it.each([
    [
      'made older',
      "UPDATE audit_entry SET recorded_at = recorded_at - interval '50 days' WHERE index = $INDEX AND tenant_id = '$TENANT'",
      'altered',
    ],
    ['left as it is', '', 'contradicted'],
  ])('carries out nothing that somebody wrote for it, of an entry %s', async (_, change, problem) => {
    const log = await makeLog(db)
    const { tenantId, indexes } = log
    await setRules(tenantId, { activity: 30 })
    await purgeTenant(tenantId)
    const index = (await indexes()).at(-4)
    const kept = async () => (await indexes()).includes(index as number)
    await withoutWalls(
      db,
      `${change.replace('$INDEX', String(index)).replace('$TENANT', tenantId)};
       INSERT INTO audit_purge (tenant_id, id, class, retention_days, removed, held, events, first_at, last_at, holds, leaves, revision, state, recorded_at)
       SELECT tenant_id, gen_random_uuid(), class, retention_days, '{[${index},${Number(index) + 1})}', '{}', 1, now() - interval '60 days',
              now() - interval '40 days', '[]', leaves, revision, 'recorded', now() FROM audit_purge WHERE tenant_id = '${tenantId}' LIMIT 1`,
    )
    await purgeTenant(tenantId)
    expect(await kept()).toBe(true)
    const withdrawn = (await readLog(db, tenantId)).findLast(({ entry }) => entry.target?.type === 'purge')
    expect(withdrawn).toMatchObject({ entry: { outcome: 'failed' }, personal: { detail: { problem } } })
  })
})

describe('a hold', () => {
  it.each<{ kind: PlaceHold['kind']; input: (log: Log) => PlaceHold; kept: number }>([
    {
      kind: 'person',
      input: ({ lena }) => ({ kind: 'person', name: 'Case-7', reason: 'court', targetId: lena.personId }),
      kept: 10,
    },
    {
      kind: 'search',
      input: () => ({ kind: 'search', name: 'Case-7', reason: 'court', q: 'merger', from: undefined, to: undefined }),
      kept: 1,
    },
  ])('about a $kind keeps its events whatever the retention', async ({ input, kept }) => {
    const log = await makeLog(db)
    await log.hold(input(log))
    await setRules(log.tenantId, { activity: 60 })
    await signHead(log.tenantId)
    expect(await previewKeeping(log.owner, {})).toMatchObject({ goes: 20 - kept, kept, holds: [{ kept }] })
    expect(await purgeTenant(log.tenantId)).toEqual({ events: 20 - kept })
    await expectSound(db, log)
    const { items } = await listPurges(log.owner, {})
    expect(items).toMatchObject([{ events: 20 - kept, holds: [{ kept }] }])
  })

  it('about a device or a file keeps their events, those of the file’s copies as well', async () => {
    const made = await daysAgo(90, async () => {
      const tenantId = await makeTenant()
      const owner = await makePerson(tenantId, { role: 'owner', founder: true })
      const device = (await enrollTestDevice(owner)).answer.deviceId
      const content = new TextEncoder().encode('x')
      const file = (await publishFile(owner, { name: 'a.txt', audience: [owner.personId], content })).id
      const [other, else_] = [uuidv7(), uuidv7()]
      await recordDrafts(tenantId, [
        { ...view(owner, other), device: { id: device, name: 'Phone' } },
        view(owner, file),
        view(owner, else_),
      ])
      return { tenantId, owner, device, file }
    })
    const { tenantId, owner, device, file } = made
    await placeHold(owner, { kind: 'device', name: 'Case-D', reason: 'court', targetId: device })
    await placeHold(owner, { kind: 'file', name: 'Case-F', reason: 'court', targetId: file })
    await setRules(tenantId, { activity: 60 })
    await signHead(tenantId)
    const { goes, kept, holds } = await previewKeeping(owner, {})
    expect({ goes, kept, holds }).toMatchObject({
      goes: 1,
      kept: 2,
      holds: [
        { name: 'Case-D', kept: 1 },
        { name: 'Case-F', kept: 1 },
      ],
    })
    expect(await purgeTenant(tenantId)).toEqual({ events: 1 })
  })

  it('and another over the same events: each says what it kept, the events count once', async () => {
    const log = await makeLog(db)
    await log.hold({ kind: 'person', name: 'Case-7', reason: 'court', targetId: log.lena.personId })
    await log.hold({
      kind: 'search',
      name: 'Case-8',
      reason: 'court',
      q: `target:${log.fileA}`,
      from: undefined,
      to: undefined,
    })
    await setRules(log.tenantId, { activity: 60 })
    await signHead(log.tenantId)
    const preview = await previewKeeping(log.owner, {})
    expect(preview).toMatchObject({
      goes: 10,
      kept: 10,
      holds: [
        { name: 'Case-7', kept: 10 },
        { name: 'Case-8', kept: 10 },
      ],
    })
    expect(await purgeTenant(log.tenantId)).toEqual({ events: 10 })
    expect(await log.viewsBy(log.lena)).toBe(12)
  })

  it.each<PurgeStep>(['planned', 'recorded'])(
    'placed while a purge is %s keeps its events all the same',
    async (at) => {
      const log = await makeLog(db)
      await setRules(log.tenantId, { activity: 60 })
      await signHead(log.tenantId)
      let isPlaced = false
      const onStep = async (step: PurgeStep) => {
        if (step !== at || isPlaced) return
        isPlaced = true
        await log.hold({ kind: 'person', name: 'Case-7', reason: 'court', targetId: log.lena.personId })
      }
      expect(await purgeTenant(log.tenantId, { onStep })).toEqual({ events: 10 })
      expect(await log.viewsBy(log.lena)).toBe(12)
      await expectSound(db, log)
      const outcomes = (await readLog(db, log.tenantId))
        .filter(({ entry }) => entry.action === 'audit.purge')
        .map(({ entry }) => entry.outcome)
      expect(outcomes).toEqual(at === 'planned' ? ['failed', 'allowed'] : ['allowed', 'failed', 'allowed'])
    },
  )

  it('is refused: to whoever may not, for what is not there, with a mistake in the search, under a name in force', async () => {
    const { tenantId, owner, hold } = await makeLog(db)
    const admin = await makePerson(tenantId, { role: 'admin' })
    const input = {
      kind: 'search',
      name: 'Case-7',
      reason: 'court',
      q: 'merger',
      from: undefined,
      to: undefined,
    } as const
    await expect(placeHold(admin, input)).rejects.toMatchObject({ code: 'forbidden' })
    await expect(hold({ kind: 'person', name: 'X1', reason: 'court', targetId: uuidv7() })).rejects.toMatchObject({
      code: 'not_found',
    })
    await expect(hold({ ...input, q: 'nosuch:field' })).rejects.toMatchObject({ code: 'query_invalid' })
    await hold(input)
    await expect(hold({ ...input, name: 'case-7' })).rejects.toMatchObject({ code: 'conflict' })
    expect(await listHolds(owner, {})).toMatchObject([{ name: 'Case-7', q: 'merger', placedBy: 'Mei', released: null }])
  })
})

describe('a purge that dies', () => {
  it.each<PurgeStep>(['planned', 'recorded', 'removed', 'forgotten'])(
    'after it was %s goes on where it was',
    async (at) => {
      const log = await makeLog(db)
      await setRules(log.tenantId, { activity: 60 })
      await signHead(log.tenantId)
      const die = (step: PurgeStep) => {
        if (step === at) throw new Error('killed')
      }
      await expect(purgeTenant(log.tenantId, { onStep: die })).rejects.toThrow('killed')
      await purgeTenant(log.tenantId)
      expect(await log.viewsBy(log.lena)).toBe(2)
      expect((await listPurges(log.owner, {})).items).toMatchObject([{ events: 20 }])
      await expectSound(db, log)
    },
  )

  it('and finds a hold when it comes back: what was recorded is withdrawn', async () => {
    const log = await makeLog(db)
    await setRules(log.tenantId, { activity: 60 })
    await signHead(log.tenantId)
    const die = (step: PurgeStep) => {
      if (step === 'recorded') throw new Error('killed')
    }
    await expect(purgeTenant(log.tenantId, { onStep: die })).rejects.toThrow('killed')
    await log.hold({ kind: 'person', name: 'Case-7', reason: 'court', targetId: log.lena.personId })
    expect(await purgeTenant(log.tenantId)).toEqual({ events: 10 })
    expect(await log.viewsBy(log.lena)).toBe(12)
    await expectSound(db, log)
  })
})

describe('the database', () => {
  it('removes nothing for anybody but through a recorded purge', async () => {
    const { tenantId } = await makeLog(db)
    const asWorker = (text: string) =>
      systemTransaction(async (sql) => {
        await sql(
          `SELECT set_config('app.tenant_id', $1::text, true), set_config('app.keeping', pg_current_xact_id()::text, true)`,
          [tenantId],
        )
        return sql(text)
      })
    await expect(asWorker('DELETE FROM audit_entry')).rejects.toThrow('permission denied')
    await expect(asWorker(`SELECT audit_remove('${uuidv7()}', 'x')`)).rejects.toThrow('no such purge')
    await expect(asWorker(`SELECT audit_erase('${uuidv7()}', 0, '{[0,5)}')`)).rejects.toThrow('no such erasure')
    await expect(
      readTransaction(tenantId, ({ sql }) => sql(`SELECT audit_remove('${uuidv7()}', 'x')`)),
    ).rejects.toThrow('permission denied')
    await expect(db.superuser.query('DELETE FROM audit_entry')).rejects.toThrow('outside a purge')
    await expect(db.superuser.query('TRUNCATE audit_entry')).rejects.toThrow('outside a purge')
  })

  it('looks again: at the age, and at how many there are', async () => {
    const { tenantId, owner } = await makeLog(db)
    await setRules(tenantId, { activity: 30 })
    await signHead(tenantId)
    // A process whose clock has jumped a month ahead thinks that everything has expired.
    testingOnlyAdvanceClock(31 * DAY)
    expect(await purgeTenant(tenantId)).toEqual({ events: 0 })
    testingOnlyResetClock()
    expect((await readLog(db, tenantId)).at(-1)).toMatchObject({ personal: { detail: { problem: 'contradicted' } } })
    expect((await listPurges(owner, {})).items).toEqual([])
  })
})

describe('what several organisations share', () => {
  it('stays theirs: another’s rows are not touched, and a month goes when nobody has anything left in it', async () => {
    const [one, two] = [await makeLog(db), await makeLog(db)]
    await setRules(one.tenantId, { activity: 60, control: 60, access: 60 })
    await signHead(one.tenantId)
    const before = await two.indexes()
    await purgeTenant(one.tenantId)
    expect(await two.indexes()).toEqual(before)
    const month = `audit_entry_activity_${new Date(Date.now() - 100 * DAY).toISOString().slice(0, 7).replace('-', '')}`
    const dropped = await dropEmptyMonths(new Date())
    expect(dropped).not.toContain(month)
    await withoutWalls(db, 'DELETE FROM audit_entry')
    expect(await dropEmptyMonths(new Date())).toContain(month)
    expect(await dropEmptyMonths(new Date())).toEqual([])
  })

  it('a month that looks empty while a row is on its way into it stays', async () => {
    await db.superuser.query('SELECT audit_ensure_partitions($1::date, 8)', [new Date(Date.now() - 200 * DAY)])
    const log = await makeLog(db)
    // The first of its class: nothing else waits for the writer.
    const before = new Date(Date.now() - 200 * DAY).toISOString()
    const month = `audit_entry_activity_${before.slice(0, 7).replace('-', '')}`
    const writer = await db.superuser.connect()
    try {
      await writer.query('SET session_replication_role = replica')
      await writer.query('DELETE FROM audit_entry')
      await writer.query('BEGIN')
      await writer.query(
        `INSERT INTO audit_entry (tenant_id, index, class, recorded_at, id, entry) VALUES ($1, 0, 'activity', $2, $3, '{}')`,
        [log.tenantId, before, uuidv7()],
      )
      const dropping = dropEmptyMonths(new Date())
      await vi.waitFor(async () => {
        const { rows } = await db.superuser.query('SELECT 1 FROM pg_locks WHERE NOT granted')
        expect(rows.length).toBeGreaterThan(0)
      })
      await writer.query('COMMIT')
      expect(await dropping).not.toContain(month)
    } finally {
      writer.release(true)
    }
    const { rows } = await db.superuser.query('SELECT index::text FROM audit_entry WHERE tenant_id = $1', [
      log.tenantId,
    ])
    expect(rows).toEqual([{ index: '0' }])
  })
})
