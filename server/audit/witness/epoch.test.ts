import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { uuidv7 } from '#lib/uuid.ts'
import { openCheckpoint } from '#protocol/audit/checkpoint.ts'
import { decodeBundle } from '#protocol/audit/tiles.ts'
import { type PersonActor, systemActor } from '#server/kernel/actor.ts'
import { testingOnlyAdvanceClock, testingOnlyResetClock } from '#server/kernel/clock.ts'
import { runInTransaction } from '#server/kernel/command.ts'
import type { AuditDraft } from '#server/kernel/ledger.ts'
import { makeGrant, makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { logsToSign, signHead } from '../checkpoints.ts'
import { startEpoch } from '../commands.ts'
import { guardLogs, signGrownLogs } from '../jobs.ts'
import { testingOnlyForgetSigners } from '../log-key.ts'
import { lastPublished } from '../published.ts'
import { downloadCheckpoints, getEpochChoice, getLogFile, getTrust } from '../queries.ts'

const db = useDatabase()
const silent = pino({ level: 'silent' })

beforeEach(() => testingOnlyForgetSigners())
afterEach(() => testingOnlyResetClock())

function append(tenantId: string, ...audit: AuditDraft[]): Promise<unknown> {
  return runInTransaction({ actor: systemActor(tenantId, 'test'), name: 'test' }, async () => ({ result: null, audit }))
}

async function grow(tenantId: string, entries: number): Promise<void> {
  await append(tenantId, ...Array.from({ length: entries }, () => ({ action: 'key.rotate' as const })))
}

/** A backup of an organisation's log: what brings every row of it back as it is now. */
async function backUp(tenantId: string): Promise<() => Promise<void>> {
  const { rows } = await db.superuser.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
      WHERE c.relnamespace = 'public'::regnamespace AND c.relname LIKE 'audit\\_%' AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1`,
  )
  const schema = `backup_${uuidv7().replaceAll('-', '')}`
  const copy = rows.map(
    ({ name }) => `CREATE TABLE ${schema}.${name} AS SELECT * FROM ${name} WHERE tenant_id = '${tenantId}'`,
  )
  await db.superuser.query([`CREATE SCHEMA ${schema}`, ...copy].join(';'))
  const back = rows.map(
    ({ name }) =>
      `DELETE FROM ${name} WHERE tenant_id = '${tenantId}'; INSERT INTO ${name} SELECT * FROM ${schema}.${name}`,
  )
  return async () => {
    await db.superuser.query(['BEGIN', 'SET LOCAL session_replication_role = replica', ...back, 'COMMIT'].join(';'))
  }
}

/** Signed at 50, backed up, then signed at 80. */
async function makeLog() {
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner', founder: true })
  await grow(tenantId, 48)
  await signHead(tenantId)
  const restore = await backUp(tenantId)
  await grow(tenantId, 30)
  await signHead(tenantId)
  return { tenantId, owner, restore, trust: () => getTrust(owner, {}) }
}

/** The same, and the backup came back. */
async function makeRestored() {
  const made = await makeLog()
  await made.restore()
  return made
}

async function declare(owner: PersonActor, reason = 'the disk was lost') {
  return startEpoch(owner, { reason }, { stepUpGrantId: await makeGrant(owner, startEpoch.requestHash({ reason })) })
}

const fileOf = async (owner: PersonActor, path: string) => Buffer.from((await getLogFile(owner, { path })).body)
const published = (tenantId: string) => join(db.dataDir, 'checkpoints', `${tenantId}.log`)

describe('an old backup that came back', () => {
  it('is recognised before anybody is answered, and takes no entry but what leads out of it', async () => {
    const { tenantId, trust } = await makeRestored()
    await guardLogs(silent)
    expect(await trust()).toMatchObject({ state: 'behind', isFrozen: true, isIntact: false, size: 50 })
    await expect(grow(tenantId, 1)).rejects.toMatchObject({ code: 'log_frozen', status: 503 })
    await expect(append(tenantId, { action: 'auth.step_up' }, { action: 'key.rotate' })).rejects.toMatchObject({
      code: 'log_frozen',
    })
    await append(tenantId, { action: 'auth.sign_in' })
    await append(tenantId, { action: 'audit.search' })
    expect((await trust()).size).toBe(52)
    expect(await signHead(tenantId)).toEqual({ state: 'behind', size: null })
  })

  it('is recognised also where the key did not come back with it', async () => {
    const { tenantId, trust } = await makeRestored()
    rmSync(join(db.dataDir, 'keys', `log-${tenantId}.key`))
    testingOnlyForgetSigners()
    await guardLogs(silent)
    expect(await trust()).toMatchObject({ state: 'behind', isFrozen: true })
  })

  it('is recognised while running, whether or not it grows', async () => {
    const { tenantId, trust } = await makeRestored()
    expect(await logsToSign()).toContain(tenantId)
    await grow(tenantId, 1)
    await signGrownLogs(silent)
    expect(await trust()).toMatchObject({ state: 'behind', isFrozen: true })
  })

  it('goes on when the right database is back', async () => {
    const { tenantId, restore, trust } = await makeLog()
    const restoreNewest = await backUp(tenantId)
    await restore()
    await guardLogs(silent)
    await restoreNewest()
    await grow(tenantId, 1)
    await signGrownLogs(silent)
    expect(await trust()).toMatchObject({ state: 'ok', isFrozen: false, epoch: 1, size: 81 })
  })

  it('that had gone on before somebody looked is different, and frozen as well', async () => {
    const { tenantId, owner, trust } = await makeRestored()
    await grow(tenantId, 45)
    await guardLogs(silent)
    expect(await trust()).toMatchObject({ state: 'different', isFrozen: true })
    await expect(grow(tenantId, 1)).rejects.toMatchObject({ code: 'log_frozen' })
    // Of what was published, the checkpoint of 50 is still a beginning of it.
    expect(await declare(owner)).toMatchObject({ heldSize: 96, agreedSize: 50, abandonedSize: 80 })
  })
})

describe('startEpoch', () => {
  it('works, audit entry exact: the log goes on under a new origin and key, the old checkpoints remain checkable', async () => {
    const { tenantId, owner, trust } = await makeRestored()
    await guardLogs(silent)
    const before = lastPublished(tenantId, 1)
    const oldKey = (await fileOf(owner, 'key')).toString().trim()
    expect(await getEpochChoice(owner, {})).toEqual({
      state: 'behind',
      isNeeded: true,
      heldSize: 50,
      publishedSize: 80,
    })
    // One more: the confirmation of the second factor.
    expect(await declare(owner)).toMatchObject({ epoch: 2, heldSize: 51, agreedSize: 50, abandonedSize: 80 })
    const started = (await readLog(db, tenantId)).at(-1)
    expect(started).toMatchObject({
      index: 51,
      entry: { action: 'audit.epoch.start', outcome: 'allowed', actor: { kind: 'person', id: owner.personId } },
      personal: {
        reason: 'the disk was lost',
        detail: {
          epoch: { before: '1', after: '2' },
          origin: { before: `localhost:8443/log/${tenantId}`, after: `localhost:8443/log/${tenantId}/2` },
          state: 'behind',
          heldSize: '51',
          agreedSize: '50',
          abandonedSize: '80',
          abandonedRoot: expect.stringMatching(/=$/),
        },
      },
    })
    await grow(tenantId, 10)
    await signGrownLogs(silent)
    const after = await trust()
    expect(after).toMatchObject({
      state: 'ok',
      epoch: 2,
      size: 62,
      isFrozen: false,
      path: `/log/${tenantId}/2`,
      epochs: [{ epoch: 2, agreedSize: 50 }],
    })
    expect(after.vkey).not.toBe(oldKey)
    expect((await fileOf(owner, '2/key')).toString().trim()).toBe(after.vkey)
    const { checkpoint } = await openCheckpoint((await fileOf(owner, '2/checkpoint')).toString(), after.vkey ?? '')
    expect(checkpoint).toMatchObject({ origin: `localhost:8443/log/${tenantId}/2`, size: 62 })
    expect(decodeBundle(await fileOf(owner, '2/tile/entries/000.p/62'))).toHaveLength(62)
    // The old epoch: its last checkpoint by its own key, and the entries that are proven to be its own.
    const old = (await fileOf(owner, 'checkpoint')).toString()
    expect(old).toBe(before?.note)
    expect((await openCheckpoint(old, oldKey)).checkpoint.size).toBe(80)
    expect(await fileOf(owner, 'tile/entries/000.p/50')).toBeDefined()
    for (const path of ['tile/entries/000.p/51', '3/checkpoint', '1/checkpoint', '2/2/checkpoint'])
      await expect(getLogFile(owner, { path }), path).rejects.toMatchObject({ code: 'not_found' })
    const { body, name } = await downloadCheckpoints(owner, { epoch: 1 })
    expect(name).toBe(`checkpoints-${tenantId}.ndjson`)
    expect(
      (await new Response(body).text())
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).size),
    ).toEqual([50, 80])
  })

  it('the same backup once more: behind the new epoch, and the next has another number', async () => {
    const { tenantId, owner, restore, trust } = await makeRestored()
    await guardLogs(silent)
    await declare(owner)
    await signGrownLogs(silent)
    await restore()
    await guardLogs(silent)
    expect(await trust()).toMatchObject({ state: 'behind', epoch: 1, isFrozen: true })
    expect(await declare(owner, 'once more')).toMatchObject({ epoch: 3, origin: `localhost:8443/log/${tenantId}/3` })
    await signGrownLogs(silent)
    expect(await trust()).toMatchObject({ state: 'ok', epoch: 3 })
  })

  it('after the key was lost: the database is whole, the log goes on under a new one', async () => {
    const tenantId = await makeTenant()
    const owner = await makePerson(tenantId, { role: 'owner', founder: true })
    await signHead(tenantId)
    rmSync(join(db.dataDir, 'keys', `log-${tenantId}.key`))
    testingOnlyForgetSigners()
    expect(await getTrust(owner, {})).toMatchObject({ state: 'key_missing', isFrozen: false })
    expect(await startEpoch(systemActor(tenantId, 'cli'), { reason: 'key lost' })).toMatchObject({
      epoch: 2,
      agreedSize: 2,
    })
    await signGrownLogs(silent)
    expect(await getTrust(owner, {})).toMatchObject({ state: 'ok', epoch: 2 })
  })

  it('refused: without the second factor, and to an administrator; conflict while nothing is wrong', async () => {
    const { tenantId, owner } = await makeLog()
    await expect(startEpoch(owner, { reason: 'no factor' })).rejects.toMatchObject({ code: 'step_up_required' })
    const admin = await makePerson(tenantId, { role: 'admin' })
    await expect(startEpoch(admin, { reason: 'no owner' })).rejects.toMatchObject({ code: 'forbidden' })
    await expect(declare(owner)).rejects.toMatchObject({ code: 'conflict' })
  })
})

describe('the file of checkpoints', () => {
  it('gone: what the database has is there again, and the log says so', async () => {
    const tenantId = await makeTenant()
    const owner = await makePerson(tenantId, { role: 'owner' })
    await signHead(tenantId)
    await grow(tenantId, 3)
    await signHead(tenantId)
    const whole = readFileSync(published(tenantId), 'utf8')
    rmSync(published(tenantId))
    expect(await getTrust(owner, {})).toMatchObject({ state: 'file_missing', isFrozen: false })
    await signGrownLogs(silent, { all: true })
    expect(readFileSync(published(tenantId), 'utf8')).toBe(whole)
    expect((await readLog(db, tenantId)).at(-1)?.entry).toMatchObject({
      action: 'audit.checkpoint.missing',
      outcome: 'failed',
    })
    await signGrownLogs(silent)
    expect(await getTrust(owner, {})).toMatchObject({ state: 'ok' })
  })

  it('cut within its only line, or an older copy of it: the same', async () => {
    const tenantId = await makeTenant()
    const owner = await makePerson(tenantId, { role: 'owner' })
    await signHead(tenantId)
    const first = readFileSync(published(tenantId), 'utf8')
    writeFileSync(published(tenantId), first.slice(0, -20))
    expect(await getTrust(owner, {})).toMatchObject({ state: 'file_missing' })
    await signGrownLogs(silent, { all: true })
    await signGrownLogs(silent)
    expect(await getTrust(owner, {})).toMatchObject({ state: 'ok' })
    writeFileSync(published(tenantId), first)
    expect(await getTrust(owner, {})).toMatchObject({ state: 'file_missing' })
    await signGrownLogs(silent, { all: true })
    expect(lastPublished(tenantId)?.size).toBe(3)
  })

  it('gone together with the newest entries: not taken for whole', async () => {
    const { tenantId, trust } = await makeRestored()
    rmSync(published(tenantId))
    await db.superuser.query('UPDATE audit_checkpoint SET size = 60 WHERE tenant_id = $1', [tenantId])
    await guardLogs(silent)
    expect(await trust()).toMatchObject({ state: 'behind', isFrozen: true })
  })

  it('of an organisation that the database does not know: said, and nothing else is touched', async () => {
    const unknown = uuidv7()
    writeFileSync(
      published(unknown),
      `${JSON.stringify({ size: 3, note: 'x', signedAt: '2026-01-01T00:00:00.000Z' })}\n`,
    )
    const lines: string[] = []
    await guardLogs(pino({ level: 'error' }, { write: (line) => lines.push(line) }))
    expect(lines.filter((line) => line.includes(unknown))).toHaveLength(1)
    expect(lines.join('')).toContain('audit.log.unknown')
    expect(existsSync(published(unknown))).toBe(true)
    rmSync(published(unknown))
  })
})

describe('a clock that jumps', () => {
  it('forward and back: the times of entries and of checkpoints never go back', async () => {
    const tenantId = await makeTenant()
    const owner = await makePerson(tenantId, { role: 'owner' })
    await signHead(tenantId)
    for (const jumpMs of [3_600_000, -7_200_000, 60_000, -86_400_000]) {
      testingOnlyAdvanceClock(jumpMs)
      await grow(tenantId, 1)
      await signHead(tenantId)
    }
    const recorded = (await readLog(db, tenantId)).map(({ entry }) => entry.recordedAt)
    expect(recorded).toEqual(recorded.toSorted())
    const { checkpoints } = await getTrust(owner, {})
    const signed = checkpoints.map(({ signedAt }) => signedAt)
    expect(signed).toHaveLength(5)
    expect(signed).toEqual(signed.toSorted().reverse())
  })
})
