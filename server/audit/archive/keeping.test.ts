import { readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { uuidv7 } from '#lib/uuid.ts'
import { purgedBy, verifyPurgeCertificate } from '#protocol/audit/purge-certificate.ts'
import { parseQuery } from '#protocol/audit/query-parse.ts'
import { systemActor } from '#server/kernel/actor.ts'
import { isKnownFile, openFiles } from '#server/kernel/backup/data-dir.ts'
import { runInTransaction } from '#server/kernel/command.ts'
import { readTransaction, systemTransaction } from '#server/kernel/db.ts'
import type { AuditDraft } from '#server/kernel/ledger.ts'
import { recordedFiles, storedNames } from '#test/archived-logs.ts'
import { makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { daysAgo, recordDrafts, setRules, usePast } from '#test/past.ts'
import { withoutWalls } from '#test/without-walls.ts'
import { signHead } from '../checkpoints.ts'
import { applyErasures } from '../keeping/erased-again.ts'
import { runErasure } from '../keeping/erasure.ts'
import { placeHold } from '../keeping/hold-commands.ts'
import { type PurgeStep, purgeTenant } from '../keeping/purge.ts'
import { getPurgeCertificate, listPurges, previewKeeping, previewPersonErasure } from '../keeping/queries.ts'
import type { RetentionRules } from '../keeping/schema.ts'
import { readSigner } from '../log-key.ts'
import { search } from '../search.ts'
import { readStored } from '../stored.ts'
import { readHead } from '../tree.ts'
import { openCold } from './cold-log.ts'
import { sha256Of } from './draft.ts'
import { archiveRoots, endEngine, engineAll, literal } from './engine/client.ts'
import type { RecordedFile } from './files.ts'
import { followReplacedFiles } from './follow.ts'
import { replacedRow } from './replaced.ts'
import { replaceFiles } from './rewrite.ts'
import { setArchiveRule } from './rule.ts'
import { archiveTenant } from './run.ts'
import { verifyColdFile } from './verify.ts'

const db = useDatabase()

usePast(db, 200)
afterAll(() => endEngine())

/** Only what was signed is purged. */
async function keepFor(tenantId: string, rules: Partial<RetentionRules>): Promise<void> {
  await setRules(tenantId, rules)
  await signHead(tenantId)
}

/** Lena and Bo looked at five files each 100, 95 and 40 days ago, and one of today; what is older than 60 days is in two files. */
async function makeLog({ first = 5 } = {}) {
  const made = await daysAgo(100, async () => {
    const tenantId = await makeTenant()
    const owner = await makePerson(tenantId, { role: 'owner', founder: true, name: 'Mei' })
    const [lena, bo] = [await makePerson(tenantId, { name: 'Lena' }), await makePerson(tenantId, { name: 'Bo' })]
    return { tenantId, owner, lena, bo }
  })
  const { tenantId, owner, lena, bo } = made
  const views = (count: number) =>
    [lena, bo].flatMap((person) =>
      Array.from(
        { length: count },
        (_, n): AuditDraft => ({
          action: 'file.view',
          actor: { kind: 'person', id: person.personId, name: person.name },
          target: { type: 'file', id: uuidv7(), name: `Plan ${n}.pdf` },
          words: n === 3 ? 'merger' : 'meadow',
          address: '203.0.113.7',
        }),
      ),
    )
  await daysAgo(100, () => recordDrafts(tenantId, views(first)))
  for (const days of [95, 40]) await daysAgo(days, () => recordDrafts(tenantId, views(5)))
  await recordDrafts(tenantId, views(1))
  await setArchiveRule(owner, { days: 60 })
  await signHead(tenantId)
  expect(await archiveTenant(tenantId)).toMatchObject({ files: 2, problem: null })
  const files = () => recordedFiles(tenantId)
  const found = (q: string) =>
    readTransaction(tenantId, async ({ sql }) => {
      const ask = { q, order: 'newest' as const, limit: 100, from: undefined, to: undefined }
      const { items, total } = await search(sql, tenantId, ask)
      expect(total).toEqual({ value: items.length, capped: false })
      return items.length
    })
  return { ...made, files, found }
}

type Log = Awaited<ReturnType<typeof makeLog>>

const kept = ({ tenantId }: Log) =>
  readTransaction(tenantId, async ({ sql }) => {
    const { size } = await readHead(sql, tenantId)
    const cold = await openCold(sql, tenantId)
    const archived = (await cold?.entriesBetween(0, size, size)) ?? []
    return [...archived, ...(await readStored(sql, tenantId, { from: 0, to: size, limit: size }))]
  })

/** Each file is verified against the tree, what is missing is what certificates name, and no file lies about. */
async function expectSound(log: Log): Promise<void> {
  const { tenantId, owner } = log
  const vkey = (await readSigner(tenantId))?.vkey ?? ''
  const certificates = await Promise.all(
    (await listPurges(owner, {})).items.map(async ({ id: purgeId }) =>
      verifyPurgeCertificate((await getPurgeCertificate(owner, { purgeId })).text, { vkey }),
    ),
  )
  const isPurged = purgedBy(certificates)
  const head = await readTransaction(tenantId, ({ sql }) => readHead(sql, tenantId))
  const there = new Set((await kept(log)).map(({ index }) => index))
  for (let index = 0; index < head.size; index++) expect(there.has(index), `entry ${index}`).toBe(!isPurged(index))
  const files = await log.files()
  for (const file of files) await verifyColdFile(tenantId, file, head)
  expect(readdirSync(archiveRoots().work).filter((name) => name.startsWith(tenantId))).toEqual([])
  expect(storedNames(tenantId)).toEqual(files.map(({ name }) => name).sort())
  await log.found('')
}

const listOf = (tenantId: string) => join(archiveRoots().work, `${tenantId}.names`)

/** The list of files that may be left over, and those files. */
function lyingThere(tenantId: string) {
  const list = readFileSync(listOf(tenantId), 'utf8')
  const names = storedNames(tenantId).filter((name) => list.includes(`${name}\n`))
  return { list, files: new Map(names.map((name) => [name, readFileSync(join(archiveRoots().files, name))])) }
}

function bringBack(tenantId: string, { files, list }: ReturnType<typeof lyingThere>): void {
  writeFileSync(listOf(tenantId), list)
  const there = storedNames(tenantId)
  for (const [name, bytes] of files) if (!there.includes(name)) writeFileSync(join(archiveRoots().files, name), bytes)
}

describe('a purge of what is archived', () => {
  it('removes what the preview said, from files and tables alike, and leaves the rest in files written anew', async () => {
    const log = await makeLog()
    const { tenantId, owner } = log
    const before = await log.files()
    await keepFor(tenantId, { activity: 35 })
    const preview = await previewKeeping(owner, {})
    expect(preview).toMatchObject({ goes: 30, kept: 0, classes: [{ class: 'activity', goes: 30 }] })
    expect(preview.classes[0]?.days.map(({ goes }) => goes)).toEqual([10, 10, 10])
    expect(await purgeTenant(tenantId)).toEqual({ events: 30 })
    expect(await log.found('action:file.view')).toBe(2)
    const [first, ...more] = await log.files()
    // Of the second day nothing is left; of the first what is no activity.
    expect(more).toEqual([])
    expect(first).toMatchObject({ from: 0, entries: (before[0]?.entries ?? 0) - 10, revision: 2 })
    expect(first?.recordedTo).toBeLessThanOrEqual(before[0]?.recordedTo ?? 0)
    await expectSound(log)
    expect((await listPurges(owner, {})).items).toMatchObject([{ class: 'activity', events: 30 }])
    expect(await previewKeeping(owner, {})).toMatchObject({ goes: 0 })
  })

  it('keeps what a hold is about, and says so', async () => {
    const log = await makeLog()
    const { tenantId, owner, lena } = log
    await keepFor(tenantId, { activity: 60 })
    await placeHold(owner, { kind: 'person', name: 'Case-7', reason: 'court', targetId: lena.personId })
    await signHead(tenantId)
    const counted = { goes: 10, kept: 10, holds: [{ name: 'Case-7', kept: 10 }] }
    expect(await previewKeeping(owner, {})).toMatchObject(counted)
    expect(await purgeTenant(tenantId)).toEqual({ events: 10 })
    expect(await log.found(`action:file.view actor:${lena.personId}`)).toBe(16)
    expect((await listPurges(owner, {})).items).toMatchObject([{ events: 10, holds: [{ name: 'Case-7', kept: 10 }] }])
    expect((await log.files()).map(({ revision }) => revision)).toEqual([2, 2])
    await expectSound(log)
  })

  it('writes a file anew once for all that goes of it', async () => {
    // More than the engine gives at once.
    const log = await makeLog({ first: 1_050 })
    const { tenantId, owner } = log
    await keepFor(tenantId, { activity: 60 })
    expect(await purgeTenant(tenantId, { purgeEvents: 3 })).toEqual({ events: 2_110 })
    expect((await listPurges(owner, {})).items).toMatchObject([{ events: 10 }, { events: 2_100 }])
    const [{ to } = { to: 0 }, ...more] = await log.files()
    expect(more).toEqual([])
    // What comes next begins at the boundary, whatever is left before it.
    await keepFor(tenantId, {})
    await setArchiveRule(owner, { days: 30 })
    await signHead(tenantId)
    expect(await archiveTenant(tenantId)).toMatchObject({ files: 1, problem: null })
    expect((await log.files()).map(({ from }) => from)).toEqual([0, to + 10])
  })

  it('that dies anywhere goes on there, and no file is left', async () => {
    const log = await makeLog()
    await keepFor(log.tenantId, { activity: 35 })
    for (const at of ['planned', 'recorded', 'removed', 'forgotten'] as const) {
      const onStep = (step: PurgeStep) => {
        if (step === at) throw new Error(`killed after ${step}`)
      }
      await purgeTenant(log.tenantId, { onStep, purgeEvents: 5 }).catch((error: Error) => {
        expect(error.message).toBe(`killed after ${at}`)
      })
      const all = await kept(log)
      expect(new Set(all.map(({ index }) => index)).size).toBe(all.length)
    }
    await purgeTenant(log.tenantId)
    expect(await log.found('action:file.view')).toBe(2)
    await expectSound(log)
  })

  it('leaves no copy in a file whose entries have not gone yet, wherever it died', async () => {
    const log = await makeLog()
    const { tenantId, owner } = log
    await setArchiveRule(owner, { days: 30 })
    await signHead(tenantId)
    const dying = (at: string) => (step: string) => {
      if (step === at) throw new Error('killed')
    }
    await expect(archiveTenant(tenantId, { onStep: dying('recorded') })).rejects.toThrow('killed')
    const waiting = (await log.files()).find(({ state }) => state === 'written')
    expect(waiting).toBeDefined()
    // Of what is older nothing waits.
    await keepFor(tenantId, { activity: 97 })
    expect(await purgeTenant(tenantId)).toEqual({ events: 10 })
    expect(storedNames(tenantId)).toContain(waiting?.name)
    await keepFor(tenantId, { activity: 35 })
    await expect(purgeTenant(tenantId, { onStep: dying('removed') })).rejects.toThrow('killed')
    await purgeTenant(tenantId)
    expect(storedNames(tenantId)).not.toContain(waiting?.name)
    await signHead(tenantId)
    expect(await archiveTenant(tenantId)).toMatchObject({ problem: null })
    await expectSound(log)
  })

  it('that dies between the new file and the old one leaves one that counts, and the next removes the other', async () => {
    const log = await makeLog()
    const { tenantId } = log
    const [file] = await log.files()
    const head = await readTransaction(tenantId, ({ sql }) => readHead(sql, tenantId))
    const places = [{ from: (file?.to ?? 0) - 1, to: file?.to ?? 0 }]
    const crash = await replaceFiles(
      tenantId,
      { going: { places, what: 'entries', purgeId: uuidv7() }, head },
      async () => lyingThere(tenantId),
    )
    expect(crash.files.size).toBe(2)
    await expectSound(log)
    // The old one counts.
    bringBack(tenantId, crash)
    expect(storedNames(tenantId)).toHaveLength(3)
    await purgeTenant(tenantId)
    await expectSound(log)
    // The new one counts.
    await keepFor(tenantId, { activity: 60 })
    expect(await purgeTenant(tenantId)).toEqual({ events: 20 })
    bringBack(tenantId, crash)
    expect(storedNames(tenantId)).toContain(file?.name)
    await purgeTenant(tenantId)
    await expectSound(log)
  })

  const altered: [string, (file: RecordedFile, path: string) => Promise<void>][] = [
    [
      'has another byte',
      async (_file, path) => {
        const bytes = readFileSync(path)
        bytes.writeUInt8(bytes.readUInt8(4) ^ 1, 4)
        writeFileSync(path, bytes)
      },
    ],
    [
      'was written by somebody else, who changed what stays and its sum in the database',
      async ({ name }, path) => {
        const forged = join(archiveRoots().work, 'forged.parquet')
        const entry = `CASE class WHEN 'activity' THEN replace(entry, 'allowed', 'denied') ELSE entry END AS entry`
        await engineAll(
          `COPY (SELECT * REPLACE (${entry}) FROM read_parquet(${literal(path)}, hive_partitioning = false)) TO ${literal(forged)} (FORMAT parquet)`,
        )
        renameSync(forged, path)
        const sum = { bytes: statSync(path).size, sha256: await sha256Of(path) }
        await withoutWalls(
          db,
          `UPDATE audit_archive_file SET bytes = ${sum.bytes}, sha256 = decode('${sum.sha256}', 'hex') WHERE name = '${name}'`,
        )
      },
    ],
  ]
  it.each(altered)('does not take place where a file %s: it stays, and the log says so', async (_, alter) => {
    const log = await makeLog()
    await keepFor(log.tenantId, { control: 60 })
    const files = await log.files()
    const [file] = files
    if (!file) throw new Error('no file')
    const path = join(archiveRoots().files, file.name)
    let left: Buffer | null = null
    const onStep = async (step: PurgeStep) => {
      if (step !== 'recorded') return
      await alter(file, path)
      left = readFileSync(path)
    }
    expect(await purgeTenant(log.tenantId, { onStep })).toEqual({ events: 0 })
    const last = (await readLog(db, log.tenantId)).at(-1)
    expect(last).toMatchObject({
      entry: { action: 'audit.purge', outcome: 'failed' },
      personal: { detail: { problem: 'altered' } },
    })
    expect(readFileSync(path)).toEqual(left)
    expect(storedNames(log.tenantId)).toEqual(files.map(({ name }) => name))
  })
})

/** An erasure that was carried out and waits for its job. */
async function beginErasure({ tenantId }: Log, personId: string): Promise<string> {
  const erasureId = uuidv7()
  const { size } = await readTransaction(tenantId, ({ sql }) => readHead(sql, tenantId))
  await runInTransaction({ actor: systemActor(tenantId, 'test'), name: 'test.erase' }, async ({ sql, now }) => {
    await sql(
      `INSERT INTO audit_erasure (tenant_id, id, person_id, as_of, reason, asked_by, state, started_at)
       VALUES ($1::uuid, $2::uuid, $3::uuid, $4::text::bigint, 'asked', 'Mei', 'running', $5::text::timestamptz)`,
      [tenantId, erasureId, personId, String(size), now.toISOString()],
    )
    return { result: null, audit: { action: 'audit.erase' } }
  })
  return erasureId
}

async function erase(log: Log, personId: string): Promise<void> {
  const { tenantId } = log
  const erasureId = await beginErasure(log, personId)
  await runErasure({ tenantId, erasureId })
  await runErasure({ tenantId, erasureId })
  await signHead(tenantId)
}

describe('erasing a person’s values in the archive', () => {
  it('is not in the way of whoever read the list of files before', async () => {
    const log = await makeLog()
    const { tenantId, lena } = log
    const open = () => readTransaction(tenantId, ({ sql }) => openCold(sql, tenantId))
    const cold = await open()
    if (!cold) throw new Error('nothing is archived')
    await erase(log, lena.personId)
    const walk = {
      query: parseQuery('action:file.view'),
      range: null,
      from: 0,
      to: cold.to,
      newestFirst: true,
      fetches: true,
    }
    const places: number[] = []
    for await (const { found } of cold.places(walk, () => 100)) places.push(...(found ?? []))
    expect(places).toHaveLength(20)
    const now = await open()
    expect(await cold.entriesAt(places)).toEqual(await now?.entriesAt(places))
  })

  it('leaves no copy in a file whose entries have not gone yet', async () => {
    const log = await makeLog()
    const { tenantId, lena, owner } = log
    await setArchiveRule(owner, { days: 30 })
    await signHead(tenantId)
    const onStep = (step: string) => {
      if (step === 'recorded') throw new Error('killed')
    }
    await expect(archiveTenant(tenantId, { onStep })).rejects.toThrow('killed')
    const waiting = (await log.files()).find(({ state }) => state === 'written')
    expect(storedNames(tenantId)).toContain(waiting?.name)
    await erase(log, lena.personId)
    expect(storedNames(tenantId)).not.toContain(waiting?.name)
    await signHead(tenantId)
    expect(await archiveTenant(tenantId)).toMatchObject({ files: 1, problem: null })
    await expectSound(log)
  })

  it('takes them out of the files and of the search, keeps what is held, and every proof', async () => {
    const log = await makeLog()
    const { tenantId, owner, lena, bo } = log
    await placeHold(owner, {
      kind: 'search',
      name: 'Case-7',
      reason: 'court',
      q: 'merger',
      from: undefined,
      to: undefined,
    })
    const before = await log.found(`actor:${lena.personId} OR target:${lena.personId}`)
    expect(await previewPersonErasure(owner, { personId: lena.personId })).toEqual({
      events: before - 3,
      kept: 3,
      holds: ['Case-7'],
      partial: false,
    })
    await erase(log, lena.personId)
    const { personal } = (await readLog(db, tenantId)).at(-1) ?? {}
    expect(personal?.detail).toEqual({ erased: String(before - 3), kept: '3' })
    expect(await log.found(`action:file.view actor:${lena.personId}`)).toBe(16)
    expect(await log.found(`action:file.view ip:203.0.113.0/24 actor:${lena.personId}`)).toBe(3)
    expect(await log.found('action:file.view lena')).toBe(3)
    expect(await log.found('action:file.view meadow')).toBe(13)
    expect(await log.found(`action:file.view ip:203.0.113.7 actor:${bo.personId}`)).toBe(16)
    const files = await log.files()
    expect(files.map(({ revision }) => revision)).toEqual([2, 2])
    expect(files.map(({ entries, personal: of }) => entries - of)).toEqual([expect.any(Number), 4])
    await expectSound(log)
    const bytes = Buffer.concat(files.map(({ name }) => readFileSync(join(archiveRoots().files, name))))
    expect(bytes.length).toBe(files.reduce((sum, file) => sum + file.bytes, 0))
  })
})

describe('erasing, the database', () => {
  it('looks again at how many values went, and that none in the archive is passed over', async () => {
    const log = await makeLog()
    const erasureId = await beginErasure(log, log.lena.personId)
    const [file] = await log.files()
    if (!file) throw new Error('no file')
    const call = (files: object[]) =>
      systemTransaction(
        (sql) => sql(`SELECT audit_erase($1::uuid, 0, '{[0,2)}', $2::text::jsonb)`, [erasureId, JSON.stringify(files)]),
        { tenantId: log.tenantId },
      )
    const personal = file.personal - 2
    await expect(call([])).rejects.toMatchObject({ code: 'GH010' })
    for (const wrong of [{ personal: personal + 1 }, { personal, entries: file.entries - 1 }])
      await expect(call([replacedRow({ old: file, file: { ...file, ...wrong } })])).rejects.toMatchObject({
        code: 'GH011',
      })
    expect(await log.files()).toContainEqual(file)
    await call([replacedRow({ old: file, file: { ...file, personal } })])
    expect(await log.files()).toContainEqual({ ...file, personal })
  })
})

describe('a restored backup', () => {
  const rowsOf = async (table: string, tenantId: string) =>
    (await db.superuser.query(`SELECT to_jsonb(t) AS row FROM ${table} t WHERE tenant_id = $1`, [tenantId])).rows.map(
      ({ row }) => row,
    )

  /** As the tables were, while the files and the lists beside the database are as they are. */
  async function bringBackRows(tenantId: string, tables: Record<string, object[]>): Promise<void> {
    const client = await db.superuser.connect()
    await client.query('BEGIN; SET LOCAL session_replication_role = replica')
    for (const [table, rows] of Object.entries(tables)) {
      await client.query(`DELETE FROM ${table} WHERE tenant_id = $1`, [tenantId])
      await client.query(`INSERT INTO ${table} SELECT * FROM jsonb_populate_recordset(NULL::${table}, $1)`, [
        JSON.stringify(rows),
      ])
    }
    await client.query('COMMIT')
    client.release()
  }

  it('that names files which were replaced since follows to those: what was destroyed stays destroyed', async () => {
    const log = await makeLog()
    const { tenantId, lena } = log
    const before = {
      audit_archive_file: await rowsOf('audit_archive_file', tenantId),
      audit_purge: await rowsOf('audit_purge', tenantId),
      audit_erasure: [],
    }
    expect(await followReplacedFiles()).toBe(0)
    await erase(log, lena.personId)
    await placeHold(log.owner, { kind: 'person', name: 'Case-7', reason: 'court', targetId: lena.personId })
    await keepFor(tenantId, { activity: 98 })
    expect(await purgeTenant(tenantId)).toEqual({ events: 5 })
    await keepFor(tenantId, { activity: 60 })
    expect(await purgeTenant(tenantId)).toEqual({ events: 5 })
    const after = await log.files()
    expect(after.map(({ revision }) => revision)).toEqual([3, 3])
    await bringBackRows(tenantId, before)
    await expect(log.found('')).rejects.toMatchObject({ code: 'unavailable' })
    expect(await applyErasures()).toBe(1)
    expect(await followReplacedFiles()).toBe(0)
    expect(await log.files()).toEqual(after)
    const said = (await readLog(db, tenantId)).findLast(({ entry }) => entry.action === 'audit.archive')
    expect(said?.personal.detail).toEqual({ restored: 'true', events: '10', files: expect.any(Array) })
    // The list goes into every backup.
    const list = `files/checkpoints/archive-${tenantId}`
    expect(openFiles(join(archiveRoots().files, '..'), []).map(({ name }) => name)).toContain(list)
    expect(isKnownFile(list)).toBe(true)
    await signHead(tenantId)
    await expectSound(log)
    expect(await log.found('action:file.view lena')).toBe(0)
    // A file that was later written under the same name is another one.
    const other = before.audit_archive_file.map((row) => ({ ...row, sha256: `\\x${'00'.repeat(32)}` }))
    await bringBackRows(tenantId, { audit_archive_file: other })
    expect(await followReplacedFiles()).toBe(0)
  })

  it('is not followed where more is missing than was purged', async () => {
    const log = await makeLog()
    const { tenantId } = log
    const before = { audit_archive_file: await rowsOf('audit_archive_file', tenantId), audit_purge: [] }
    await keepFor(tenantId, { activity: 60 })
    await purgeTenant(tenantId)
    await bringBackRows(tenantId, before)
    const list = join(archiveRoots().files, '../checkpoints', `archive-${tenantId}`)
    const lines = readFileSync(list, 'utf8')
    writeFileSync(list, lines.replaceAll(/^\{"purge".*$/gm, ''))
    expect(await followReplacedFiles()).toBe(0)
    writeFileSync(list, lines)
    expect(await followReplacedFiles()).toBe(2)
  })
})

describe('the database', () => {
  it('looks again: at holds and rules, at the counts, and that nothing archived is passed over', async () => {
    const log = await makeLog()
    const { tenantId } = log
    await keepFor(tenantId, { activity: 60 })
    const stop = (step: PurgeStep) => {
      if (step === 'recorded') throw new Error('killed')
    }
    await expect(purgeTenant(tenantId, { onStep: stop })).rejects.toThrow('killed')
    const { rows } = await db.superuser.query<{ id: string }>(
      `SELECT id FROM audit_purge WHERE tenant_id = $1 AND state = 'recorded'`,
      [tenantId],
    )
    const remove = (files: object[]) =>
      systemTransaction(
        (sql) => sql(`SELECT audit_remove($1::uuid, 'x', $2::text::jsonb)`, [rows[0]?.id, JSON.stringify(files)]),
        { tenantId },
      )
    const files = await log.files()
    const gone = files.map(({ name: old }) => ({ old, entries: 0, personal: 0 }))
    await expect(remove([])).rejects.toMatchObject({ code: 'GH010' })
    await expect(remove(gone)).rejects.toMatchObject({ code: 'GH011' })
    await expect(remove([{ ...gone[0], old: 'another.parquet' }])).rejects.toMatchObject({ code: 'GH010' })
    await expect(remove(gone.slice(1))).rejects.toMatchObject({ code: 'GH010' })
    const setLast = (to: string) =>
      withoutWalls(db, `UPDATE audit_purge SET last_at = ${to} WHERE id = '${rows[0]?.id}'`)
    await setLast(`last_at - interval '90 days'`)
    await expect(remove(gone)).rejects.toThrow('has not expired')
    await setLast(`last_at + interval '90 days'`)
    const direct = (statement: string) => systemTransaction((sql) => sql(statement), { tenantId })
    await expect(direct('DELETE FROM audit_archive_file')).rejects.toThrow('permission denied')
    await expect(direct(`SELECT audit_replace_files('[]', '{}', false)`)).rejects.toThrow('permission denied')
    expect(await log.files()).toEqual(files)
    await placeHold(log.owner, { kind: 'person', name: 'Case-7', reason: 'court', targetId: log.lena.personId })
    await signHead(tenantId)
    // What was recorded under other holds is withdrawn, and planned again.
    expect(await purgeTenant(tenantId)).toEqual({ events: 10 })
    await expectSound(log)
    // One of those that are not archived is gone by another hand.
    await keepFor(tenantId, { activity: 35 })
    let isGone = false
    const onStep = async (step: PurgeStep) => {
      if (step !== 'recorded' || isGone) return
      isGone = true
      await withoutWalls(
        db,
        `DELETE FROM audit_entry WHERE tenant_id = '${tenantId}' AND index = (SELECT max(upper(removed)) - 1 FROM audit_purge WHERE tenant_id = '${tenantId}')`,
      )
    }
    expect(await purgeTenant(tenantId, { onStep })).toEqual({ events: 4 })
    const problems = (await readLog(db, tenantId)).map(({ personal }) => personal.detail?.problem)
    expect(problems.filter(Boolean)).toEqual(['changed', 'contradicted'])
  })
})
