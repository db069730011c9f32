import { appendFileSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import { beforeEach, describe, expect, it } from 'vitest'
import { openCheckpoint } from '#protocol/audit/checkpoint.ts'
import { verifyTlogProof } from '#protocol/audit/proof.ts'
import { systemActor } from '#server/kernel/actor.ts'
import { runInTransaction } from '#server/kernel/command.ts'
import { makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { logsToSign, signHead } from './checkpoints.ts'
import { signGrownLogs } from './jobs.ts'
import { readSigner, testingOnlyForgetSigners } from './log-key.ts'
import { lastPublished } from './published.ts'
import { getEventProof, getTlogProof, getTrust } from './queries.ts'

const db = useDatabase()
const silent = pino({ level: 'silent' })

beforeEach(() => testingOnlyForgetSigners())

async function grow(tenantId: string, entries: number): Promise<void> {
  await runInTransaction({ actor: systemActor(tenantId, 'test'), name: 'test' }, async () => ({
    result: null,
    audit: Array.from({ length: entries }, (_, place) => ({ action: 'key.rotate' as const, words: `number ${place}` })),
  }))
}

/** An organisation with a signed log of `size` entries and an owner to ask. */
async function makeSigned(size = 600) {
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner' })
  await grow(tenantId, size - 2)
  await signHead(tenantId)
  return { tenantId, owner }
}

/** Writes as whoever owns the database could. */
async function tamper(statement: string, values: readonly unknown[]): Promise<void> {
  const client = await db.superuser.connect()
  try {
    await client.query('SET session_replication_role = replica')
    const { rowCount } = await client.query(statement, [...values])
    expect(rowCount).toBeGreaterThan(0)
  } finally {
    client.release(true)
  }
}

const keyFile = (tenantId: string) => join(db.dataDir, 'keys', `log-${tenantId}.key`)
const published = (tenantId: string) => join(db.dataDir, 'checkpoints', `${tenantId}.log`)

describe('checkpoints', () => {
  it('works: signed with a key of the data directory, published there, stored, and not again until the log grows', async () => {
    const { tenantId, owner } = await makeSigned(9)
    expect(statSync(keyFile(tenantId)).mode & 0o777).toBe(0o600)
    const trust = await getTrust(owner, {})
    expect(trust).toMatchObject({ state: 'ok', size: 9, checkpoints: [{ size: 9 }] })
    const { checkpoint } = await openCheckpoint(trust.note ?? '', trust.vkey ?? '')
    expect(checkpoint).toMatchObject({ size: 9, origin: trust.origin })
    expect(lastPublished(tenantId)).toMatchObject({ size: 9, note: trust.note })
    expect(await logsToSign()).not.toContain(tenantId)
    expect(await signHead(tenantId)).toEqual({ state: 'ok', size: null })
    await grow(tenantId, 1)
    expect(await logsToSign()).toContain(tenantId)
    await signGrownLogs(silent)
    // By number: as text, 9 would stand above 10.
    expect((await getTrust(owner, {})).checkpoints.map(({ size }) => size)).toEqual([10, 9])
  })

  it('concurrent: many signers make one key and one checkpoint', async () => {
    const tenantId = await makeTenant()
    const signed = await Promise.all([1, 2, 3, 4].map(() => signHead(tenantId)))
    expect(signed.filter(({ size }) => size !== null)).toHaveLength(1)
    expect(readFileSync(published(tenantId), 'utf8').trim().split('\n')).toHaveLength(1)
  })

  it('a crash after publishing: the same note is stored by the next attempt', async () => {
    const { tenantId, owner } = await makeSigned(10)
    const { note } = await getTrust(owner, {})
    await tamper('DELETE FROM audit_checkpoint WHERE tenant_id = $1', [tenantId])
    expect(await signHead(tenantId)).toEqual({ state: 'ok', size: 10 })
    expect((await getTrust(owner, {})).note).toBe(note)
  })

  it('a crash within the line: it does not count, and the next one stands by itself', async () => {
    const { tenantId } = await makeSigned(10)
    appendFileSync(published(tenantId), '{"size":99,"note":"cut o')
    expect(lastPublished(tenantId)?.size).toBe(10)
    await grow(tenantId, 1)
    await signHead(tenantId)
    expect(lastPublished(tenantId)?.size).toBe(11)
  })

  it('wrong state: an old backup, another log, or a lost key is not signed', async () => {
    const { tenantId, owner } = await makeSigned(300)
    const newer = readFileSync(published(tenantId), 'utf8')
    const line = JSON.parse(newer.trim())
    writeFileSync(published(tenantId), `${JSON.stringify({ ...line, size: 400 })}\n`)
    await grow(tenantId, 1)
    expect(await signHead(tenantId)).toEqual({ state: 'behind', size: null })
    expect((await getTrust(owner, {})).state).toBe('behind')
    writeFileSync(published(tenantId), newer)
    const other = await makeSigned(301)
    await tamper(
      'UPDATE audit_head SET tree = (SELECT tree FROM audit_head WHERE tenant_id = $2) WHERE tenant_id = $1',
      [tenantId, other.tenantId],
    )
    expect(await signHead(tenantId)).toEqual({ state: 'different', size: null })

    const lost = await makeSigned(5)
    rmSync(keyFile(lost.tenantId))
    testingOnlyForgetSigners()
    await grow(lost.tenantId, 1)
    expect(await signHead(lost.tenantId)).toEqual({ state: 'key_missing', size: null })
    expect(existsSync(keyFile(lost.tenantId))).toBe(false)
  })
})

describe('proofs of one event', () => {
  it('works: from tiles to the signed root, and as a file that proves itself', async () => {
    const { tenantId, owner } = await makeSigned(700)
    const log = await readLog(db, tenantId)
    for (const index of [0, 255, 256, 511, 699]) {
      const eventId = log[index]?.entry.id ?? ''
      expect(await getEventProof(owner, { eventId })).toMatchObject({
        index,
        size: 700,
        holds: true,
        signed: { size: 700 },
      })
      const { text } = await getTlogProof(owner, { eventId })
      const vkey = (await readSigner(tenantId))?.vkey ?? ''
      expect((await verifyTlogProof({ proof: text, vkey })).index).toBe(index)
    }
    await grow(tenantId, 1)
    const { index, entry } = (await readLog(db, tenantId)).at(-1) ?? { index: 0, entry: { id: '' } }
    const eventId = entry.id
    // Each of the files that were taken is an entry, too.
    expect(index).toBe(705)
    expect(await getEventProof(owner, { eventId })).toMatchObject({ index, holds: true, signed: null })
    await expect(getTlogProof(owner, { eventId })).rejects.toMatchObject({ code: 'conflict' })
  })

  it('an altered entry does not hold', async () => {
    const { tenantId, owner } = await makeSigned(20)
    const eventId = (await readLog(db, tenantId))[7]?.entry.id ?? ''
    await tamper(
      `UPDATE audit_entry SET entry = replace(entry, '"allowed"', '"denied"') WHERE tenant_id = $1 AND index = 7`,
      [tenantId],
    )
    expect(await getEventProof(owner, { eventId })).toMatchObject({ holds: false })
  })
})
