import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { DeviceActor } from '#server/kernel/actor.ts'
import { testingOnlyAdvanceClock } from '#server/kernel/clock.ts'
import { enrollTestDevice } from '#test/device.ts'
import { makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { withoutWalls } from '#test/without-walls.ts'
import { CHUNK_BYTES } from './chunks.ts'
import { createRelease, forwardFile, publishFile, releaseFile } from './commands.ts'
import { getFile, getReleaseChunk, listDamagedFiles } from './queries.ts'

const db = useDatabase()

async function makeOffice() {
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner', founder: true, name: 'Mei' })
  const bo = await makePerson(tenantId, { role: 'member', name: 'Bo' })
  const publish = (size: number) =>
    publishFile(owner, {
      name: 'Plan.bin',
      labels: ['internal'],
      audience: 'everyone',
      content: new Uint8Array(randomBytes(size)),
    })
  const [file, other] = [await publish(2 * CHUNK_BYTES + 9), await publish(2 * CHUNK_BYTES + 9)]
  return { tenantId, owner, bo, file, other, phone: (await enrollTestDevice(owner)).actor }
}

type Office = Awaited<ReturnType<typeof makeOffice>>

async function entriesAfter(tenantId: string, work: () => Promise<unknown>) {
  const before = (await readLog(db, tenantId)).length
  await work()
  return (await readLog(db, tenantId)).slice(before)
}

const actionsOf = (entries: Awaited<ReturnType<typeof readLog>>) =>
  entries.map(({ entry }) => `${entry.action} ${entry.outcome}`)

const SWAP = `UPDATE file_chunk c SET bytes = o.bytes FROM file_chunk o
  WHERE c.number = 1 AND o.number = 1 AND (c.content_id, o.content_id) IN (($1, $2), ($2, $1))`

const DAMAGES: [string, (office: Office) => Promise<void>, RegExp][] = [
  [
    'chunks swapped with another file’s',
    ({ file, other }) => withoutWalls(db, SWAP, [file.id, other.id]),
    /does not open: its chunk 1 was moved/,
  ],
  [
    'two of its chunks swapped',
    async ({ file }) => {
      await withoutWalls(db, 'UPDATE file_chunk SET number = 101 - number WHERE content_id = $1 AND number < 2', [
        file.id,
      ])
      await withoutWalls(db, 'UPDATE file_chunk SET number = number - 100 WHERE content_id = $1 AND number > 2', [
        file.id,
      ])
    },
    /does not open: its chunk 0 was moved/,
  ],
  [
    'a chunk dropped',
    ({ file }) => withoutWalls(db, 'DELETE FROM file_chunk WHERE content_id = $1 AND number = 1', [file.id]),
    /lacks its chunk 1/,
  ],
  [
    'its end cut off, and its size made to fit',
    async ({ file }) => {
      await withoutWalls(db, 'DELETE FROM file_chunk WHERE content_id = $1 AND number = 2', [file.id])
      await withoutWalls(db, 'UPDATE file SET size_bytes = $2 WHERE id = $1', [file.id, 2 * CHUNK_BYTES])
    },
    /does not open: its chunk 1 was moved/,
  ],
  [
    'its size altered',
    ({ file }) => withoutWalls(db, 'UPDATE file SET size_bytes = size_bytes - 1 WHERE id = $1', [file.id]),
    /has 9 bytes in its chunk 2, not 8/,
  ],
  [
    'the wrapped key of another file',
    ({ file, other }) =>
      withoutWalls(db, 'UPDATE file a SET file_key = b.file_key FROM file b WHERE a.id = $1 AND b.id = $2', [
        file.id,
        other.id,
      ]),
    /its key was made for another place/,
  ],
  [
    'the content of another file, with that one’s key',
    ({ file, other }) =>
      withoutWalls(
        db,
        'UPDATE file a SET file_key = b.file_key, content_id = b.content_id FROM file b WHERE a.id = $1 AND b.id = $2',
        [file.id, other.id],
      ),
    /its key was made for another place/,
  ],
  [
    'a bit altered',
    ({ file }) =>
      withoutWalls(
        db,
        'UPDATE file_chunk SET bytes = set_byte(bytes, 500, get_byte(bytes, 500) # 1) WHERE content_id = $1 AND number = 0',
        [file.id],
      ),
    /chunk 0/,
  ],
]

describe('a stored content that is not what was written', () => {
  it.each(DAMAGES)('does not open, and says so once: %s', async (_what, damage, problem) => {
    const office = await makeOffice()
    const { tenantId, owner, file, phone } = office
    await damage(office)
    const release = () =>
      expect(releaseFile(phone, { fileId: file.id })).rejects.toMatchObject({ code: 'content_damaged' })
    const entries = await entriesAfter(tenantId, release)
    expect(actionsOf(entries)).toEqual(['file.release failed', 'file.integrity failed'])
    const { entry, personal } = entries.at(-1) ?? {}
    expect(entry).toMatchObject({
      actor: { kind: 'system' },
      target: { type: 'file', id: file.id },
      labels: ['internal'],
    })
    expect(personal).toMatchObject({ targetName: 'Plan.bin', detail: { problem: expect.stringMatching(problem) } })
    expect(await listDamagedFiles(owner, {})).toEqual({ items: [{ id: file.id, name: 'Plan.bin' }] })
    expect((await getFile(owner, { fileId: file.id })).damagedAt).toBeInstanceOf(Date)
    expect(actionsOf(await entriesAfter(tenantId, release))).toEqual(['file.release failed'])
  })

  it('leaves every other file as it was', async () => {
    const { tenantId, file, other, phone } = await makeOffice()
    await withoutWalls(db, 'DELETE FROM file_chunk WHERE content_id = $1', [file.id])
    expect(actionsOf(await entriesAfter(tenantId, () => releaseFile(phone, { fileId: other.id })))).toEqual([
      'file.release allowed',
    ])
  })

  it('is found when a release is asked for, chunk by chunk, and when a copy is made', async () => {
    const { tenantId, owner, bo, file, phone } = await makeOffice()
    const release = await createRelease(phone, { fileId: file.id, purpose: 'view' })
    await withoutWalls(db, 'DELETE FROM file_chunk WHERE content_id = $1 AND number = 1', [file.id])
    const chunk = (number: number) => getReleaseChunk(phone, { releaseId: release.releaseId, number })
    expect((await chunk(0)).length).toBeGreaterThan(CHUNK_BYTES)
    const found = await entriesAfter(tenantId, () =>
      expect(chunk(1)).rejects.toMatchObject({ code: 'content_damaged' }),
    )
    expect(actionsOf(found)).toEqual(['file.integrity failed'])
    await withoutWalls(db, `UPDATE file SET file_key = '\\x00' WHERE id = $1`, [file.id])
    testingOnlyAdvanceClock(11 * 60_000)
    const asked = (actor: DeviceActor) => createRelease(actor, { fileId: file.id, purpose: 'view' })
    const refused = await entriesAfter(tenantId, () =>
      expect(asked(phone)).rejects.toMatchObject({ code: 'content_damaged' }),
    )
    expect(actionsOf(refused)).toEqual(['file.release failed', 'file.integrity failed'])
    await expect(forwardFile(phone, { fileId: file.id, to: bo.email })).rejects.toMatchObject({
      code: 'content_damaged',
    })
    expect((await listDamagedFiles(owner, {})).items).toHaveLength(1)
  })

  it('is another organisation’s own affair', async () => {
    const [{ file, phone, tenantId }, other] = [await makeOffice(), await makeOffice()]
    await withoutWalls(db, 'DELETE FROM file_chunk WHERE content_id = $1', [file.id])
    await expect(releaseFile(phone, { fileId: file.id })).rejects.toMatchObject({ code: 'content_damaged' })
    expect(await listDamagedFiles(other.owner, {})).toEqual({ items: [] })
    expect(actionsOf(await readLog(db, other.tenantId))).not.toContain('file.integrity failed')
    expect(actionsOf(await readLog(db, tenantId))).toContain('file.integrity failed')
  })
})
