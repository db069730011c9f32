import { describe, expect, it } from 'vitest'
import { systemActor } from '#server/kernel/actor.ts'
import { runInTransaction } from '#server/kernel/command.ts'
import { pgTransaction } from '#server/kernel/db.ts'
import { makeTenant, useDatabase } from '#test/harness.ts'
import { CopyRoom, copyPlaces, copyStretch } from './copied-rows.ts'
import { eachMatch } from './matches.ts'
import type { BlockRow, RowBlock } from './row-block.ts'
import { eachCandidateAsStored, eachMatchAsStored } from './stored-matches.ts'

const database = useDatabase()

async function grown(entries: number): Promise<string> {
  const tenantId = await makeTenant()
  await runInTransaction({ actor: systemActor(tenantId, 'test'), name: 'test' }, async () => ({
    result: null,
    audit: Array.from({ length: entries }, (_, n) => ({
      action: 'file.view' as const,
      target: { type: 'file', id: `file-${n}`, name: '报告'.repeat(n) },
    })),
  }))
  return tenantId
}

/** Removed as retention does it, and the names of one event as an erasure does. */
async function forget(tenantId: string, { removed, erased }: { removed: number[]; erased: number }): Promise<void> {
  const client = await database.superuser.connect()
  await client.query('SET session_replication_role = replica')
  await client.query('DELETE FROM audit_entry WHERE tenant_id = $1 AND index = ANY($2)', [tenantId, removed])
  await client.query('UPDATE audit_entry SET personal = NULL WHERE tenant_id = $1 AND index = $2', [tenantId, erased])
  client.release(true)
}

const rowsOf = (block: RowBlock): BlockRow[] => Array.from({ length: block.count }, (_, n) => block.row(n))
const EVER = { recordedFrom: '-infinity', recordedTo: 'infinity' }

describe('the log as it is stored', () => {
  it('is what a search for everything finds, up to its size, from any place', async () => {
    const tenantId = await grown(50)
    await makeTenant()
    await forget(tenantId, { removed: [0, 7, 8, 9], erased: 20 })
    for (const [asOf, after] of [
      [undefined, undefined],
      [40, undefined],
      [undefined, 5],
      [30, 29],
    ] as const) {
      const place = after === undefined ? undefined : { after, time: 0 }
      const ask = { q: '', from: undefined, to: undefined, asOf }
      const found: unknown[] = []
      for await (const { items } of eachMatch(tenantId, { ...ask, order: 'oldest' }, place))
        for (const { recordedAt: _, ...row } of items) found.push(row)
      const copied: BlockRow[] = []
      for await (const { rows } of eachMatchAsStored(tenantId, ask, place)) copied.push(...rowsOf(rows))
      expect(copied).toEqual(found)
      expect(copied.map(({ index }) => index)).not.toContain(8)
    }
  })

  it('is read in as many steps as its room asks for', async () => {
    const tenantId = await grown(50)
    await forget(tenantId, { removed: [3, 49], erased: 20 })
    const room = new CopyRoom(2_000)
    const indexes: number[] = []
    let steps = 0
    for (let from = 0; from < 50; steps++) {
      const { rows, next } = await pgTransaction('reader', tenantId, (client) =>
        copyStretch(client, tenantId, { from, to: 50, ...EVER }, room),
      )
      for (const { index, personalText } of rowsOf(rows)) {
        indexes.push(index)
        expect(personalText === null).toBe(index === 20)
      }
      from = next
    }
    expect(indexes).toEqual(Array.from({ length: 50 }, (_, n) => n).filter((n) => n !== 3 && n !== 49))
    expect(steps).toBeGreaterThan(3)
  })

  it('is read here and there, in as many steps as its room asks for', async () => {
    const tenantId = await grown(50)
    await forget(tenantId, { removed: [7], erased: 20 })
    const [room, wanted] = [new CopyRoom(2_000), [2, 3, 7, 20, 31, 32, 33, 40, 41, 49, 400]]
    const indexes: number[] = []
    for (let from: number | null = 0; from !== null; ) {
      const left: number[] = wanted.filter((index) => index >= (from ?? 0))
      const { rows, next } = await pgTransaction('reader', tenantId, (client) =>
        copyPlaces(client, tenantId, { indexes: left, ...EVER }, room),
      )
      expect(rows.count).toBeLessThan(9)
      indexes.push(...rowsOf(rows).map(({ index }) => index))
      from = next
    }
    expect(indexes).toEqual([2, 3, 20, 31, 32, 33, 40, 41, 49])
  })

  it('may match: what the index knows, block after block, as a search finds it', async () => {
    const tenantId = await grown(50)
    await forget(tenantId, { removed: [12], erased: 20 })
    const ask = {
      q: 'target:file-1 OR target:file-20 OR action:file.view -target:file-30',
      from: undefined,
      to: undefined,
    }
    for (const asOf of [undefined, 45]) {
      const found: number[] = []
      for await (const { items } of eachMatch(tenantId, { ...ask, asOf, order: 'oldest' }))
        found.push(...items.map(({ index }) => index))
      const may: number[] = []
      for await (const { rows } of eachCandidateAsStored(tenantId, { ...ask, asOf }, 8)) {
        expect(rows.count).toBeLessThan(9)
        may.push(...rows.indexes.subarray(0, rows.count))
      }
      expect(found.length).toBeGreaterThan(40)
      expect(may).toEqual([...may].sort((a, b) => a - b))
      expect(may).toEqual(expect.arrayContaining(found))
    }
  })

  it('fails where the database does, and the connection goes on', async () => {
    const tenantId = await grown(1)
    await pgTransaction('reader', tenantId, async (client, sql) => {
      await sql('SAVEPOINT before')
      const wrong = copyStretch(client, tenantId, { from: 0, to: 1, recordedFrom: 'no time', recordedTo: 'infinity' })
      await expect(wrong).rejects.toThrow('no time')
      await sql('ROLLBACK TO before')
      expect((await copyStretch(client, tenantId, { from: 0, to: 1, ...EVER })).rows.count).toBe(1)
    })
  })
})
