import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { systemActor } from '#server/kernel/actor.ts'
import { testingOnlyAdvanceClock } from '#server/kernel/clock.ts'
import { runInTransaction } from '#server/kernel/command.ts'
import { readTransaction, systemTransaction } from '#server/kernel/db.ts'
import { coldEntries, expectSound, type Log, makeLog, pathOf } from '#test/archived-logs.ts'
import { readLog, useDatabase } from '#test/harness.ts'
import { DAY, setRules, usePast } from '#test/past.ts'
import { withoutWalls } from '#test/without-walls.ts'
import { signHead } from '../checkpoints.ts'
import { reindex } from '../index/rebuild.ts'
import { readShape } from '../index/runs.ts'
import { purgeTenant } from '../keeping/purge.ts'
import { eachMatch } from '../matches.ts'
import { search } from '../search.ts'
import type { StoredEntry } from '../stored.ts'
import { eachCandidateAsStored, eachMatchAsStored, type StoredMatches } from '../stored-matches.ts'
import { verifyStoredLog } from '../verify-now.ts'
import { groupOf } from './draft.ts'
import { archiveRoots, endEngine } from './engine/client.ts'
import { archiveInTurns, archiveJobs } from './jobs.ts'
import { getArchive } from './queries.ts'
import { setArchiveRule } from './rule.ts'
import { type ArchiveStep, archiveTenant } from './run.ts'

const db = useDatabase()

usePast(db, 200)
afterAll(() => endEngine())

/** All entries as they are stored, page by page. */
async function readAll({ tenantId }: Log): Promise<StoredEntry[]> {
  const all: StoredEntry[] = []
  for await (const { items } of eachMatch(tenantId, { q: '', from: undefined, to: undefined, order: 'oldest' }))
    for (const { index, recordedAt, text, personalText } of items)
      all.push({ index, recordedAt, text, personal: personalText })
  return all
}

describe('archiving', () => {
  it('puts closed days into files, says so in the log, and only then lets the rows go', async () => {
    const [log, other] = [await makeLog(db), await makeLog(db, { rule: null })]
    const steps: ArchiveStep[] = []
    const done = await archiveTenant(log.tenantId, { onStep: (step) => void steps.push(step) })
    expect(steps).toEqual(['written', 'verified', 'written', 'verified', 'recorded', 'cold'])
    const files = await log.files()
    expect(done).toMatchObject({ files: 2, problem: null, events: files.at(-1)?.to })
    expect(files.map(({ entries, personal, state }) => [entries - personal, state])).toEqual(Array(2).fill([0, 'cold']))
    await expectSound(db, log)
    const [entry] = await log.archived()
    expect(entry).toMatchObject({ entry: { outcome: 'allowed', actor: { kind: 'system' } } })
    expect(entry?.personal.detail).toMatchObject({
      from: files[0]?.date,
      to: files[1]?.date,
      events: String(done.events),
      first: '0',
      files: files.map(({ date, from, sha256 }) => `${date} ${from} sha256:${sha256}`),
    })
    expect(await getArchive(log.owner, {})).toMatchObject({
      days: 60,
      cold: { first: files[0]?.date, last: files[1]?.date, files: 2, events: done.events },
      problem: null,
      ranAt: expect.any(String),
    })
    expect(await archiveTenant(log.tenantId)).toMatchObject({ files: 0, events: 0 })
    expect(await archiveTenant(other.tenantId)).toMatchObject({ files: 0, events: 0 })
    expect(await other.indexes()).toHaveLength(other.before.length)
  })

  it('makes several files of a large day, and goes on where it ended when more is old enough', async () => {
    const log = await makeLog(db)
    const done = await archiveTenant(log.tenantId, { fileEntries: 9, recordedFiles: 2 })
    expect(done.files).toBe(4)
    expect(await log.archived()).toHaveLength(2)
    await expectSound(db, log)
    await setArchiveRule(log.owner, { days: 30 })
    await signHead(log.tenantId)
    expect(await archiveTenant(log.tenantId)).toMatchObject({ files: 1 })
    await expectSound(db, log)
  })

  it('goes organisation by organisation, a stretch each, as long as one has more; a problem ends its turns', async () => {
    const [log, broken, late] = [await makeLog(db), await makeLog(db), await makeLog(db)]
    const change = "entry = replace(entry, 'allowed', 'denied')"
    await withoutWalls(db, `UPDATE audit_entry SET ${change} WHERE tenant_id = '${broken.tenantId}' AND index = 15`)
    const ids = [log, broken, late].map(({ tenantId }) => tenantId)
    const turns: string[] = []
    const onFile = ({ name }: { name: string }) =>
      void turns.push(['log', 'broken', 'late'][ids.findIndex((id) => name.includes(id))] ?? name)
    expect(await archiveInTurns(ids, { fileEntries: 9, recordedFiles: 1, turnEntries: 1, onFile })).toEqual([])
    expect(turns).toEqual(['log', 'broken', 'late', 'log', 'broken', 'late', 'log', 'late', 'log', 'late'])
    await expectSound(db, log)
    await expectSound(db, late)
  })

  it('answers searches as before', async () => {
    const log = await makeLog(db)
    const ask = (q: string) =>
      readTransaction(log.tenantId, ({ sql }) =>
        search(sql, log.tenantId, { q, order: 'newest', limit: 50, from: undefined, to: undefined }),
      )
    const questions = ['action:file.view', 'merger', '合并', 'ip:203.0.113.0/24', '-action:file.view']
    const found = async () =>
      (await Promise.all(questions.map(ask))).map(({ items }) =>
        items.map(({ index }) => index).filter((index) => index < log.before.length),
      )
    const before = await found()
    expect(before[1]).toHaveLength(3)
    await archiveTenant(log.tenantId)
    expect(await found()).toEqual(before)
    await expectSound(db, log)
  })

  it.each(['newest', 'oldest'] as const)(
    'turns pages (%s first) while days go: nothing twice, nothing missing',
    async (order) => {
      const log = await makeLog(db)
      const bounds = { from: undefined, to: undefined }
      const page = (cursor: string | undefined) =>
        readTransaction(log.tenantId, ({ sql }) =>
          search(sql, log.tenantId, { q: 'action:file.view', order, limit: 3, cursor, ...bounds }),
        )
      const found: number[] = []
      let cursor: string | undefined
      for (let n = 0; n === 0 || cursor !== undefined; n++) {
        const { items, nextCursor } = await page(cursor)
        found.push(...items.map(({ index }) => index))
        cursor = nextCursor ?? undefined
        if (n === 2) await archiveTenant(log.tenantId)
        if (n === 6) {
          await setArchiveRule(log.owner, { days: 30 })
          await signHead(log.tenantId)
          await archiveTenant(log.tenantId)
        }
      }
      const all = log.before.filter(({ entry }) => entry.action === 'file.view').map(({ index }) => index)
      expect(found).toEqual(order === 'newest' ? all.toReversed() : all)
      for (const after of ['0', '999999999999999']) {
        const far = Buffer.from(`${order}.${after}.1`).toString('base64url')
        expect((await page(far)).items).toHaveLength((order === 'newest') === (after === '0') ? 0 : 3)
      }
    },
  )

  it('is read in one stream as it is stored, also where days go into it meanwhile', async () => {
    const log = await makeLog(db)
    const { tenantId, owner } = log
    await archiveTenant(tenantId)
    await signHead(tenantId)
    const all = await readAll(log)
    const views = all.filter(({ text }) => text.includes('"file.view"'))
    const asOf = 25
    const ask = { from: undefined, to: undefined, asOf }
    const read = async (matches: AsyncGenerator<StoredMatches>, between?: () => Promise<unknown>) => {
      const found: StoredEntry[] = []
      const places: number[] = []
      for await (const { rows, at } of matches) {
        for (let n = 0; n < rows.count; n++) {
          const { index, text, personalText: personal } = rows.row(n)
          found.push({ index, recordedAt: new Date(rows.recordedAt[n] ?? 0), text, personal })
        }
        places.push(at.after ?? -1)
        if (places.length === 1) await between?.()
      }
      expect(places).toEqual([...places].sort((a, b) => a - b))
      return found
    }
    const before = ({ index }: StoredEntry) => index < asOf
    expect(await read(eachMatchAsStored(tenantId, { ...ask, q: '' }))).toEqual(all.filter(before))
    expect(await read(eachMatchAsStored(tenantId, { ...ask, q: 'action:file.view' }))).toEqual(views.filter(before))
    // From within a file on.
    const place = { after: 4, time: 0 }
    expect(await read(eachMatchAsStored(tenantId, { ...ask, q: '' }, place))).toEqual(
      all.filter((entry) => before(entry) && entry.index > 4),
    )
    const grow = async () => {
      await setArchiveRule(owner, { days: 30 })
      await signHead(tenantId)
      expect(await archiveTenant(tenantId)).toMatchObject({ files: 1 })
    }
    const stored = eachCandidateAsStored(tenantId, { ...ask, asOf: 1_000, q: 'action:file.view' }, 3)
    expect(await read(stored, grow)).toEqual(views)
  })

  it('killed after any step goes on: nothing is lost, nothing twice', async () => {
    const log = await makeLog(db)
    for (const at of ['written', 'verified', 'recorded', 'cold'] as const) {
      const onStep = (step: ArchiveStep) => {
        if (step === at) throw new Error(`killed after ${step}`)
      }
      await expect(archiveTenant(log.tenantId, { recordedFiles: 1, onStep })).rejects.toThrow(`killed after ${at}`)
      const all = [...(await coldEntries(log)).map(({ index }) => index), ...(await log.indexes())]
      expect(all).toEqual(all.map((_, index) => index))
    }
    expect(await archiveTenant(log.tenantId)).toMatchObject({ files: 1, problem: null })
    await expectSound(db, log)
    await signHead(log.tenantId)
    expect((await verifyStoredLog(log.tenantId)).verdict).toMatchObject({ ok: true })
  })

  it('removes what a crash left, drafts and files that count for nothing', async () => {
    const log = await makeLog(db)
    const { work } = archiveRoots()
    writeFileSync(join(work, `${log.tenantId}.ndjson`), 'half a li')
    const onStep = (step: ArchiveStep) => {
      if (step === 'verified') throw new Error('killed')
    }
    await expect(archiveTenant(log.tenantId, { onStep, fileEntries: 7 })).rejects.toThrow('killed')
    await setArchiveRule(log.owner, { days: null })
    expect(await archiveTenant(log.tenantId)).toMatchObject({ files: 0, problem: null })
    await expectSound(db, log)
  })

  it('purges first what has expired: a file begins where the one before ended, whatever is missing between', async () => {
    const log = await makeLog(db)
    await setRules(log.tenantId, { activity: 99 })
    await signHead(log.tenantId)
    const { events: purged } = await purgeTenant(log.tenantId)
    expect(purged).toBe(10)
    await archiveTenant(log.tenantId)
    const files = await log.files()
    expect(files.map(({ from }) => from)).toEqual([0, ...files.slice(0, -1).map(({ to }) => to)])
    expect((await coldEntries(log)).length + (await readLog(db, log.tenantId)).length).toBe(
      ((await log.indexes()).at(-1) ?? 0) + 1 - purged,
    )
    // What was purged before is not indexed again below the boundary.
    expect(await reindex(log.tenantId, 0, 5)).toBe(true)
    const shape = await readTransaction(log.tenantId, ({ sql }) => readShape(sql, log.tenantId))
    expect(shape?.runs[0]?.at).toBe(files.at(-1)?.to)
  })
})

it('of large events fewer go together: the engine holds so many rows until all of them have come', () => {
  expect(groupOf(1_400)).toBe(122_880)
  expect(groupOf(10_000)).toBe(20_132)
  expect(groupOf(200_000)).toBe(2_048)
})

describe('nothing goes', () => {
  it.each([
    ['an entry', `entry = replace(entry, 'allowed', 'denied')`],
    ['a personal value', `personal = replace(personal, '203.0.113.7', '203.0.113.8')`],
    ['when it was recorded', `recorded_at = recorded_at + interval '1 millisecond'`],
    ['an entry into no JSON', `entry = 'x' || entry`],
  ])('when somebody changed %s: it is named', async (_, change) => {
    const log = await makeLog(db)
    const index = (log.before.find(({ entry }) => entry.action === 'file.view')?.index ?? 0) + 4
    await withoutWalls(db, `UPDATE audit_entry SET ${change} WHERE tenant_id = '${log.tenantId}' AND index = ${index}`)
    const before = await log.indexes()
    expect(await archiveTenant(log.tenantId)).toMatchObject({ files: 0, events: 0, problem: 'altered' })
    expect((await log.indexes()).slice(0, before.length)).toEqual(before)
    expect(await log.files()).toEqual([])
    expect(readdirSync(archiveRoots().work)).toEqual([])
    expect(await getArchive(log.owner, {})).toMatchObject({ cold: null, problem: 'altered' })
    const { rows } = await db.superuser.query<{ personal: string; entry: string }>(
      'SELECT entry, personal FROM audit_entry WHERE tenant_id = $1 ORDER BY index DESC LIMIT 1',
      [log.tenantId],
    )
    expect(JSON.parse(rows[0]?.entry ?? '')).toMatchObject({ action: 'audit.archive', outcome: 'failed' })
    expect(JSON.parse(rows[0]?.personal ?? '').detail).toEqual({ problem: 'altered', index: String(index) })
  })

  it.each<[ArchiveStep, 'damaged']>([
    ['written', 'damaged'],
    ['recorded', 'damaged'],
  ])('when a byte of a file is another one after it was %s; the next night does it again', async (at, problem) => {
    const log = await makeLog(db)
    let isFlipped = false
    const flip = (step: ArchiveStep) => {
      if (step !== at || isFlipped) return
      isFlipped = true
      const folder = pathOf(`tenant=${log.tenantId}`)
      const [file] = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
      const path = join(file?.parentPath ?? '', file?.name ?? '')
      const bytes = readFileSync(path)
      bytes[Math.floor(bytes.length / 2)] = (bytes[Math.floor(bytes.length / 2)] ?? 0) ^ 1
      writeFileSync(path, bytes)
    }
    expect(await archiveTenant(log.tenantId, { onStep: flip })).toMatchObject({ events: 0, problem })
    expect((await log.indexes()).slice(0, log.before.length)).toEqual(log.before.map(({ index }) => index))
    expect(await log.files()).toEqual([])
    await signHead(log.tenantId)
    expect(await archiveTenant(log.tenantId)).toMatchObject({ files: 2, problem: null })
    await expectSound(db, log)
  })

  it.each([
    ['gone', (path: string) => rmSync(path)],
    ['cut', (path: string) => truncateSync(path, 100)],
  ])('when a file is %s after it was recorded; the next night does it again', async (_, harm) => {
    const log = await makeLog(db)
    const onStep = async (step: ArchiveStep) => {
      if (step === 'recorded') harm(pathOf((await log.files())[0]?.name ?? ''))
    }
    expect(await archiveTenant(log.tenantId, { onStep })).toMatchObject({ events: 0, problem: 'damaged' })
    expect(await log.files()).toEqual([])
    await signHead(log.tenantId)
    expect(await archiveTenant(log.tenantId)).toMatchObject({ files: 2, problem: null })
    await expectSound(db, log)
  })

  it('once another process may be at it, because the connection with the lock broke', async () => {
    const log = await makeLog(db)
    const onStep = async (step: ArchiveStep) => {
      if (step === 'recorded')
        await db.superuser.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gatehouse-system' AND datname = current_database()`,
        )
    }
    await expect(archiveTenant(log.tenantId, { onStep })).rejects.toThrow()
    expect(await log.indexes()).toHaveLength(log.before.length + 1)
    await signHead(log.tenantId)
    expect(await archiveTenant(log.tenantId)).toMatchObject({ files: 2, problem: null })
    await expectSound(db, log)
  })

  it('when values were erased after the file was written: they do not come back by it', async () => {
    const log = await makeLog(db)
    const onStep = async (step: ArchiveStep) => {
      if (step === 'recorded')
        await withoutWalls(
          db,
          `UPDATE audit_entry SET personal = NULL WHERE tenant_id = '${log.tenantId}' AND index = 4`,
        )
    }
    expect(await archiveTenant(log.tenantId, { onStep })).toMatchObject({ events: 0, problem: 'changed' })
    expect(await log.files()).toEqual([])
    expect(await archiveTenant(log.tenantId)).toMatchObject({ files: 2, problem: null })
    const rows = await log.files()
    expect(rows[0]).toMatchObject({ entries: (rows[0]?.personal ?? 0) + 1 })
  })

  it('when the rule was taken back, or the database thinks it early', async () => {
    const log = await makeLog(db)
    const onStep = async (step: ArchiveStep) => {
      if (step === 'recorded') await setArchiveRule(log.owner, { days: 120 })
    }
    expect(await archiveTenant(log.tenantId, { onStep })).toMatchObject({ events: 0, problem: 'changed' })
    testingOnlyAdvanceClock(300 * DAY)
    expect(await archiveTenant(log.tenantId)).toMatchObject({ events: 0, problem: 'changed' })
    expect(await log.files()).toEqual([])
  })

  it('of what was not signed', async () => {
    const log = await makeLog(db)
    await withoutWalls(db, `DELETE FROM audit_checkpoint WHERE tenant_id = '${log.tenantId}'`)
    writeFileSync(join(db.dataDir, 'checkpoints', `${log.tenantId}.log`), '')
    expect(await archiveTenant(log.tenantId)).toMatchObject({ files: 0, events: 0, problem: null })
    await signHead(log.tenantId)
    expect(await archiveTenant(log.tenantId)).toMatchObject({ files: 2 })
  })

  it('by anybody else’s hand: the walls of the database', async () => {
    const log = await makeLog(db)
    const asWriter = (statement: string) =>
      runInTransaction({ actor: systemActor(log.tenantId, 'test'), name: 'test.write' }, async ({ sql }) => {
        await sql(statement)
        return { result: null, audit: { action: 'audit.archive' } }
      })
    await expect(asWriter('UPDATE audit_archive SET cold_to = 5')).rejects.toThrow(/permission denied/)
    await expect(asWriter(`UPDATE audit_archive_file SET entries = 1`)).rejects.toThrow(/permission denied/)
    await expect(asWriter('SELECT audit_go_cold(5)')).rejects.toThrow(/permission denied/)
    const early = systemTransaction((sql) => sql('SELECT audit_go_cold(5)'), { tenantId: log.tenantId })
    await expect(early).rejects.toThrow(/no file reaches/)
    await archiveTenant(log.tenantId)
    await asWriter('DELETE FROM audit_archive_file')
    expect(await log.files()).toHaveLength(2)
  })
})

describe('the rule', () => {
  it('is set by an administrator, and stands in the log with what it was', async () => {
    const { owner, lena, tenantId } = await makeLog(db, { rule: null })
    expect(await getArchive(owner, {})).toEqual({
      days: null,
      cold: null,
      place: { kind: 'directory' },
      ranAt: null,
      problem: null,
    })
    await expect(setArchiveRule(lena, { days: 90 })).rejects.toMatchObject({ code: 'forbidden' })
    await expect(setArchiveRule(owner, { days: 29 })).rejects.toMatchObject({ code: 'invalid' })
    await expect(setArchiveRule(owner, { days: null })).rejects.toMatchObject({ code: 'conflict' })
    await setArchiveRule(owner, { days: 90 })
    await setArchiveRule(owner, { days: null })
    const entries = (await readLog(db, tenantId)).filter(({ entry }) => entry.action === 'audit.archive.rule')
    expect(entries.slice(-2).map(({ personal }) => personal.detail?.archive)).toEqual([
      { before: 'never', after: 'after 90 days' },
      { before: 'after 90 days', after: 'never' },
    ])
  })
})

describe('the night', () => {
  it('archives every organisation that wants it, and drops the months of which nothing is left', async () => {
    const logs = [await makeLog(db), await makeLog(db)]
    await archiveJobs['audit.archive']()
    for (const log of logs) {
      expect((await log.files()).map(({ state }) => state)).toEqual(['cold', 'cold'])
      await expectSound(db, log)
    }
  })
})
