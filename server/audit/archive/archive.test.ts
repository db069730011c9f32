import {
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { uuidv7 } from '#lib/uuid.ts'
import { systemActor } from '#server/kernel/actor.ts'
import { testingOnlyAdvanceClock } from '#server/kernel/clock.ts'
import { runInTransaction } from '#server/kernel/command.ts'
import { readTransaction, systemTransaction } from '#server/kernel/db.ts'
import type { AuditDraft } from '#server/kernel/ledger.ts'
import { makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { DAY, daysAgo, recordDrafts, setRules, usePast, withoutWalls } from '#test/past.ts'
import { signHead } from '../checkpoints.ts'
import { gapsOf, reindex } from '../index/rebuild.ts'
import { readShape } from '../index/runs.ts'
import { purgeTenant } from '../keeping/purge.ts'
import { eachMatch } from '../matches.ts'
import { search } from '../search.ts'
import type { StoredEntry } from '../stored.ts'
import { eachCandidateAsStored, eachMatchAsStored, type StoredMatches } from '../stored-matches.ts'
import { damagedFiles } from '../verify-archive.ts'
import { verifyStoredLog } from '../verify-now.ts'
import { groupOf, sha256Of } from './draft.ts'
import { archiveRoots, endEngine, engineAll, literal } from './engine/client.ts'
import { readRecordedFiles } from './files.ts'
import { archiveJobs } from './jobs.ts'
import { missingFromArchive } from './missing.ts'
import { getArchive } from './queries.ts'
import { withdrawWaiting } from './rewrite.ts'
import { setArchiveRule } from './rule.ts'
import { type ArchiveStep, archiveTenant } from './run.ts'

const db = useDatabase()

usePast(db, 200)
afterAll(() => endEngine())

/** Views 100, 99 and 40 days ago, ten each, two of today; days are archived after 60. */
async function makeLog({ rule = 60 as number | null } = {}) {
  const made = await daysAgo(100, async () => {
    const tenantId = await makeTenant()
    const owner = await makePerson(tenantId, { role: 'owner', founder: true, name: 'Mei' })
    const lena = await makePerson(tenantId, { name: 'Léna 王' })
    return { tenantId, owner, lena }
  })
  const { tenantId, owner, lena } = made
  const view = (n: number): AuditDraft => ({
    action: 'file.view',
    actor: { kind: 'person', id: lena.personId, name: lena.name },
    target: { type: 'file', id: uuidv7(), name: `Plan ${n}.pdf` },
    words: n === 3 ? 'secret "merger"\n合并\\u0041' : undefined,
    address: '203.0.113.7',
  })
  const views = (count: number) => Array.from({ length: count }, (_, n) => view(n))
  for (const days of [100, 99, 40]) await daysAgo(days, () => recordDrafts(tenantId, views(10)))
  await recordDrafts(tenantId, views(2))
  if (rule !== null) await setArchiveRule(owner, { days: rule })
  await signHead(tenantId)
  const indexes = async () => {
    const { rows } = await db.superuser.query<{ index: string }>(
      'SELECT e.index::text FROM audit_entry e WHERE tenant_id = $1 ORDER BY e.index',
      [tenantId],
    )
    return rows.map(({ index }) => Number(index))
  }
  const files = () => readTransaction(tenantId, ({ sql }) => readRecordedFiles(sql, tenantId))
  const archived = async () => (await readLog(db, tenantId)).filter(({ entry }) => entry.action === 'audit.archive')
  return { ...made, indexes, files, archived, before: await readLog(db, tenantId) }
}

type Log = Awaited<ReturnType<typeof makeLog>>

const pathOf = (name: string) => join(archiveRoots().files, name)

async function cold(log: Log) {
  const files = (await log.files()).filter(({ state }) => state === 'cold')
  const paths = files.map(({ name }) => literal(pathOf(name)))
  if (files.length === 0) return []
  const rows = await engineAll(`SELECT index, entry, personal FROM read_parquet([${paths.join(', ')}]) ORDER BY index`)
  return rows.map(([index, entry, personal]) => ({
    index: Number(index),
    entry: JSON.parse(String(entry)),
    personal: JSON.parse(String(personal)),
  }))
}

/** Everything that must be true after each run: what was there is there once, in the files or in the tables, and nothing lies about. */
async function expectSound(log: Log): Promise<void> {
  const { tenantId, before } = log
  const [hot, archived] = [await readLog(db, tenantId), await cold(log)]
  const all = [...archived, ...hot]
  expect(all.map(({ index }) => index)).toEqual(all.map((_, index) => index))
  expect(all.slice(0, before.length)).toEqual(before)
  const { rows } = await db.superuser.query<{ to: string }>(
    'SELECT cold_to::text AS to FROM audit_archive WHERE tenant_id = $1',
    [tenantId],
  )
  expect(Number(rows[0]?.to)).toBe(archived.length)
  const shape = await readTransaction(tenantId, ({ sql }) => readShape(sql, tenantId))
  if (!shape) throw new Error('no log')
  expect(shape.runs[0]?.at ?? 0).toBeGreaterThanOrEqual(archived.length)
  expect(gapsOf(shape.runs, shape.size, shape.coldTo)).toEqual([])
  expect(readdirSync(archiveRoots().work)).toEqual([])
  const kept = (await log.files()).map(({ name }) => name).sort()
  const folder = pathOf(`tenant=${tenantId}`)
  const there = existsSync(folder) ? readdirSync(folder, { recursive: true, withFileTypes: true }) : []
  const names = there.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  expect(names.sort()).toEqual(kept.map(pathOf))
}

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
    const [log, other] = [await makeLog(), await makeLog({ rule: null })]
    const steps: ArchiveStep[] = []
    const done = await archiveTenant(log.tenantId, { onStep: (step) => void steps.push(step) })
    expect(steps).toEqual(['written', 'verified', 'written', 'verified', 'recorded', 'cold'])
    const files = await log.files()
    expect(done).toMatchObject({ files: 2, problem: null, events: files.at(-1)?.to })
    expect(files.map(({ entries, personal, state }) => [entries - personal, state])).toEqual(Array(2).fill([0, 'cold']))
    await expectSound(log)
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
    const log = await makeLog()
    const done = await archiveTenant(log.tenantId, { fileEntries: 9, recordedFiles: 2 })
    expect(done.files).toBe(4)
    expect(await log.archived()).toHaveLength(2)
    await expectSound(log)
    await setArchiveRule(log.owner, { days: 30 })
    await signHead(log.tenantId)
    expect(await archiveTenant(log.tenantId)).toMatchObject({ files: 1 })
    await expectSound(log)
  })

  it('answers searches as before', async () => {
    const log = await makeLog()
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
    await expectSound(log)
  })

  it.each(['newest', 'oldest'] as const)(
    'turns pages (%s first) while days go: nothing twice, nothing missing',
    async (order) => {
      const log = await makeLog()
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
    const log = await makeLog()
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
    const log = await makeLog()
    for (const at of ['written', 'verified', 'recorded', 'cold'] as const) {
      const onStep = (step: ArchiveStep) => {
        if (step === at) throw new Error(`killed after ${step}`)
      }
      await expect(archiveTenant(log.tenantId, { recordedFiles: 1, onStep })).rejects.toThrow(`killed after ${at}`)
      const all = [...(await cold(log)).map(({ index }) => index), ...(await log.indexes())]
      expect(all).toEqual(all.map((_, index) => index))
    }
    expect(await archiveTenant(log.tenantId)).toMatchObject({ files: 1, problem: null })
    await expectSound(log)
    await signHead(log.tenantId)
    expect((await verifyStoredLog(log.tenantId)).verdict).toMatchObject({ ok: true })
  })

  it('removes what a crash left, drafts and files that count for nothing', async () => {
    const log = await makeLog()
    const { work } = archiveRoots()
    writeFileSync(join(work, `${log.tenantId}.ndjson`), 'half a li')
    const onStep = (step: ArchiveStep) => {
      if (step === 'verified') throw new Error('killed')
    }
    await expect(archiveTenant(log.tenantId, { onStep, fileEntries: 7 })).rejects.toThrow('killed')
    await setArchiveRule(log.owner, { days: null })
    expect(await archiveTenant(log.tenantId)).toMatchObject({ files: 0, problem: null })
    await expectSound(log)
  })

  it('purges first what has expired: a file begins where the one before ended, whatever is missing between', async () => {
    const log = await makeLog()
    await setRules(log.tenantId, { activity: 99 })
    await signHead(log.tenantId)
    const { events: purged } = await purgeTenant(log.tenantId)
    expect(purged).toBe(10)
    await archiveTenant(log.tenantId)
    const files = await log.files()
    expect(files.map(({ from }) => from)).toEqual([0, ...files.slice(0, -1).map(({ to }) => to)])
    expect((await cold(log)).length + (await readLog(db, log.tenantId)).length).toBe(
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

describe('verify now', () => {
  const verified = async ({ tenantId }: Log) => (await verifyStoredLog(tenantId)).verdict
  const makeCold = async () => {
    const log = await makeLog()
    await archiveTenant(log.tenantId)
    await signHead(log.tenantId)
    const [file] = await log.files()
    if (!file) throw new Error('nothing was archived')
    return { log, file, path: pathOf(file.name) }
  }
  /** Writes a file anew, as somebody who may write everything: its recorded size and sum follow. */
  const rewrite = async ({ log, path }: Awaited<ReturnType<typeof makeCold>>, select: string) => {
    const draft = join(archiveRoots().work, 'forged.parquet')
    await engineAll(
      `COPY (${select.replace('FILE', `read_parquet(${literal(path)})`)}) TO ${literal(draft)} (FORMAT parquet)`,
    )
    renameSync(draft, path)
    const [first] = await log.files()
    await withoutWalls(
      db,
      `UPDATE audit_archive_file SET bytes = ${statSync(path).size}, sha256 = decode('${await sha256Of(path)}', 'hex')
        WHERE tenant_id = '${log.tenantId}' AND from_index = ${first?.from}`,
    )
  }

  it('reads on in the archive', async () => {
    const { log, file } = await makeCold()
    expect(await verified(log)).toMatchObject({ ok: true })
    expect(await missingFromArchive()).not.toContain(file.name)
  })

  it('names a file that is missing, cut or changed', async () => {
    const { log, file, path } = await makeCold()
    const found = { ok: false, code: 'archive_damaged', index: file.from, until: file.to - 1 }
    const bytes = readFileSync(path)
    writeFileSync(
      path,
      bytes.map((byte, at) => (at === 2_000 ? byte ^ 1 : byte)),
    )
    expect(await verified(log)).toMatchObject(found)
    writeFileSync(path, bytes.subarray(0, -9))
    expect(await verified(log)).toMatchObject(found)
    expect(await missingFromArchive()).toContain(file.name)
    rmSync(path)
    expect(await missingFromArchive()).toContain(file.name)
    expect(await verified(log)).toMatchObject(found)
  })

  it.each([
    ['when its entries occurred', 'occurred_to = occurred_from - 1'],
    ['since when', 'occurred_from = occurred_to + 1'],
    ['when they were recorded', `recorded_from = recorded_to + interval '1 day'`],
    ['until when', `recorded_to = recorded_from - interval '1 day'`],
  ])('names a file of which somebody changed %s: searches would pass it over', async (_, change) => {
    const { log, file } = await makeCold()
    await withoutWalls(
      db,
      `UPDATE audit_archive_file SET ${change} WHERE tenant_id = '${log.tenantId}' AND from_index = ${file.from}`,
    )
    expect(await verified(log)).toMatchObject({ ok: false, code: 'archive_damaged', index: file.from })
  })

  it('does not miss a file that another one has replaced meanwhile', async () => {
    const { log } = await makeCold()
    const [, second] = await log.files()
    if (!second) throw new Error('too little was archived')
    let hasHappened = false
    const onRead = async () => {
      if (hasHappened) return
      hasHappened = true
      const name = second.name.replace('.1.', '.2.')
      renameSync(pathOf(second.name), pathOf(name))
      await withoutWalls(db, `UPDATE audit_archive_file SET name = '${name}' WHERE name = '${second.name}'`)
    }
    expect(await damagedFiles(log.tenantId, { onRead })).toEqual([])
    expect(await verified(log)).toMatchObject({ ok: true })
  })

  it('names the files beyond a boundary that somebody moved back: no search would look there', async () => {
    const { log } = await makeCold()
    const last = (await log.files()).at(-1)
    if (!last) throw new Error('nothing was archived')
    await withoutWalls(db, `UPDATE audit_archive SET cold_to = cold_to - 3 WHERE tenant_id = '${log.tenantId}'`)
    expect(await verified(log)).toMatchObject({ ok: false, code: 'archive_damaged', index: last.to - 3 })
  })

  it('names a file of another organisation that somebody made stand for one of its own; nothing of it is found, and it stays', async () => {
    const [other, { log, file }] = [await makeCold(), await makeCold()]
    const { tenantId } = log
    const stand = (state: string) =>
      withoutWalls(
        db,
        `UPDATE audit_archive_file f SET name = o.name, bytes = o.bytes, sha256 = o.sha256, entries = o.entries, personal = o.personal, state = '${state}',
                recorded_from = o.recorded_from, recorded_to = o.recorded_to, occurred_from = o.occurred_from, occurred_to = o.occurred_to
           FROM audit_archive_file o WHERE f.tenant_id = '${tenantId}' AND f.from_index = ${file.from} AND o.name = '${other.file.name}'`,
      )
    await stand('cold')
    const foreign = { code: 'unavailable', detail: `The archive's file ${other.file.name} is not this organisation's.` }
    const ask = { q: 'action:file.view', from: undefined, to: undefined }
    await expect(
      readTransaction(tenantId, ({ sql }) => search(sql, tenantId, { ...ask, order: 'newest', limit: 100 })),
    ).rejects.toMatchObject(foreign)
    for (const q of ['', ask.q]) {
      await expect(eachMatchAsStored(tenantId, { ...ask, q }).next()).rejects.toMatchObject(foreign)
      await expect(eachMatch(tenantId, { ...ask, q, order: 'oldest' }).next()).rejects.toMatchObject(foreign)
    }
    expect(await verified(log)).toMatchObject({ ok: false, code: 'archive_damaged', index: file.from })
    expect(await missingFromArchive()).toContain(other.file.name)
    // Nor is it removed as one of ours that does not count any more.
    await stand('written')
    await withdrawWaiting(tenantId)
    expect(existsSync(other.path)).toBe(true)
    expect(await verified(other.log)).toMatchObject({ ok: true })
  })

  it('names an entry that was altered or removed together with what is recorded of its file', async () => {
    const altered = await makeCold()
    await rewrite(
      altered,
      `SELECT * REPLACE (replace(entry, 'allowed', 'denied') AS entry) FROM FILE WHERE index < 5 UNION ALL SELECT * FROM FILE WHERE index >= 5`.replaceAll(
        'FILE',
        `read_parquet(${literal(altered.path)})`,
      ),
    )
    expect(await verified(altered.log)).toMatchObject({ ok: false, code: expect.stringMatching(/^entry_/), index: 0 })
    const removed = await makeCold()
    await rewrite(removed, 'SELECT * FROM FILE WHERE index <> 5')
    expect(await verified(removed.log)).toMatchObject({ ok: false, code: 'entry_removed', index: 5 })
  })

  it('names the entry of which only what is searched was altered', async () => {
    const made = await makeCold()
    await rewrite(made, `SELECT * REPLACE (if(index = 7, ['outcome:denied'], keys) AS keys) FROM FILE`)
    expect(await verified(made.log)).toMatchObject({ ok: false, code: 'archive_wrong_column', index: 7 })
  })
})

describe('nothing goes', () => {
  it.each([
    ['an entry', `entry = replace(entry, 'allowed', 'denied')`],
    ['a personal value', `personal = replace(personal, '203.0.113.7', '203.0.113.8')`],
    ['when it was recorded', `recorded_at = recorded_at + interval '1 millisecond'`],
    ['an entry into no JSON', `entry = 'x' || entry`],
  ])('when somebody changed %s: it is named', async (_, change) => {
    const log = await makeLog()
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
    const log = await makeLog()
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
    await expectSound(log)
  })

  it.each([
    ['gone', (path: string) => rmSync(path)],
    ['cut', (path: string) => truncateSync(path, 100)],
  ])('when a file is %s after it was recorded; the next night does it again', async (_, harm) => {
    const log = await makeLog()
    const onStep = async (step: ArchiveStep) => {
      if (step === 'recorded') harm(pathOf((await log.files())[0]?.name ?? ''))
    }
    expect(await archiveTenant(log.tenantId, { onStep })).toMatchObject({ events: 0, problem: 'damaged' })
    expect(await log.files()).toEqual([])
    await signHead(log.tenantId)
    expect(await archiveTenant(log.tenantId)).toMatchObject({ files: 2, problem: null })
    await expectSound(log)
  })

  it('once another process may be at it, because the connection with the lock broke', async () => {
    const log = await makeLog()
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
    await expectSound(log)
  })

  it('when values were erased after the file was written: they do not come back by it', async () => {
    const log = await makeLog()
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
    const log = await makeLog()
    const onStep = async (step: ArchiveStep) => {
      if (step === 'recorded') await setArchiveRule(log.owner, { days: 120 })
    }
    expect(await archiveTenant(log.tenantId, { onStep })).toMatchObject({ events: 0, problem: 'changed' })
    testingOnlyAdvanceClock(300 * DAY)
    expect(await archiveTenant(log.tenantId)).toMatchObject({ events: 0, problem: 'changed' })
    expect(await log.files()).toEqual([])
  })

  it('of what was not signed', async () => {
    const log = await makeLog()
    await withoutWalls(db, `DELETE FROM audit_checkpoint WHERE tenant_id = '${log.tenantId}'`)
    writeFileSync(join(db.dataDir, 'checkpoints', `${log.tenantId}.log`), '')
    expect(await archiveTenant(log.tenantId)).toMatchObject({ files: 0, events: 0, problem: null })
    await signHead(log.tenantId)
    expect(await archiveTenant(log.tenantId)).toMatchObject({ files: 2 })
  })

  it('by anybody else’s hand: the walls of the database', async () => {
    const log = await makeLog()
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
    const { owner, lena, tenantId } = await makeLog({ rule: null })
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
    const logs = [await makeLog(), await makeLog()]
    await archiveJobs['audit.archive']()
    for (const log of logs) {
      expect((await log.files()).map(({ state }) => state)).toEqual(['cold', 'cold'])
      await expectSound(log)
    }
  })
})
