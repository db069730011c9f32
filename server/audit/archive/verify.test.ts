import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { readTransaction } from '#server/kernel/db.ts'
import { type Log, makeLog, pathOf } from '#test/archived-logs.ts'
import { useDatabase } from '#test/harness.ts'
import { usePast } from '#test/past.ts'
import { withoutWalls } from '#test/without-walls.ts'
import { signHead } from '../checkpoints.ts'
import { eachMatch } from '../matches.ts'
import { search } from '../search.ts'
import { eachMatchAsStored } from '../stored-matches.ts'
import { damagedFiles } from '../verify-archive.ts'
import { verifyStoredLog } from '../verify-now.ts'
import { sha256Of } from './draft.ts'
import { archiveRoots, endEngine, engineAll, literal } from './engine/client.ts'
import { missingFromArchive } from './missing.ts'
import { withdrawWaiting } from './rewrite.ts'
import { archiveTenant } from './run.ts'

const db = useDatabase()

usePast(db, 200)
afterAll(() => endEngine())

describe('verify now', () => {
  const verified = async ({ tenantId }: Log) => (await verifyStoredLog(tenantId)).verdict
  const makeCold = async () => {
    const log = await makeLog(db)
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

  it('keeps files that somebody made look as if their entries were in the tables still: they are nowhere else', async () => {
    const { log, path } = await makeCold()
    const end = (await log.files()).at(-1)?.to ?? 0
    const stand = (state: string, coldTo: number) =>
      withoutWalls(
        db,
        `UPDATE audit_archive_file SET state = '${state}' WHERE tenant_id = '${log.tenantId}';
         UPDATE audit_archive SET cold_to = ${coldTo} WHERE tenant_id = '${log.tenantId}'`,
      )
    for (const coldTo of [0, end]) {
      await stand('written', coldTo)
      expect(await verified(log)).toMatchObject({ ok: false, code: 'entry_removed', index: 0 })
      await archiveTenant(log.tenantId)
      await withdrawWaiting(log.tenantId)
      expect(existsSync(path)).toBe(true)
      await stand('cold', end)
      expect(await verified(log)).toMatchObject({ ok: true })
    }
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
    // Nor is it handed out for what it is not.
    let rows = 0
    const ask = { q: 'outcome:denied', from: undefined, to: undefined, asOf: 20 }
    for await (const found of eachMatchAsStored(made.log.tenantId, ask)) rows += found.rows.count
    expect(rows).toBe(0)
  })
})
