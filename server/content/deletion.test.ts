import { describe, expect, it } from 'vitest'
import type { PersonActor } from '#server/kernel/actor.ts'
import { cancelOpenRequest, releaseDelayedRequest } from '#server/kernel/brake-decisions.ts'
import { testingOnlyAdvanceClock } from '#server/kernel/clock.ts'
import { runInTransaction } from '#server/kernel/command.ts'
import { enrollTestDevice } from '#test/device.ts'
import { makeGrant, makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { deleteFile, forwardFile, publishFile, releaseFile } from './commands.ts'
import { getFile } from './queries.ts'

const db = useDatabase()

/** A file of Lena's that she forwarded to Bo, and he to Kim. */
async function makeLineage() {
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner', founder: true, name: 'Mei' })
  const [lena, bo, kim] = [
    await makePerson(tenantId, {}),
    await makePerson(tenantId, {}),
    await makePerson(tenantId, {}),
  ]
  const content = new TextEncoder().encode('The plan')
  const root = (await publishFile(owner, { name: 'Plan.txt', audience: [lena.personId], content })).id
  const [lenas, bos, kims] = [
    (await enrollTestDevice(lena)).actor,
    (await enrollTestDevice(bo)).actor,
    (await enrollTestDevice(kim)).actor,
  ]
  const first = (await forwardFile(lenas, { fileId: root, to: bo.email })).fileId ?? ''
  const second = (await forwardFile(bos, { fileId: first, to: kim.email })).fileId ?? ''
  const files = { root, first, second }
  const states = async () => {
    const status = async (fileId: string) => (await getFile(owner, { fileId })).status
    return [await status(root), await status(first), await status(second)]
  }
  const opens = async () =>
    Promise.all(
      [[lenas, root] as const, [bos, first] as const, [kims, second] as const].map(([device, fileId]) =>
        releaseFile(device, { fileId }).then(
          () => true,
          () => false,
        ),
      ),
    )
  return { tenantId, owner, files, states, opens }
}

async function request(actor: PersonActor, fileId: string): Promise<string> {
  const input = { fileId, reason: 'obsolete' }
  return (await deleteFile(actor, input, { stepUpGrantId: await makeGrant(actor, deleteFile.requestHash(input)) }))
    .requestId
}

const cancel = (actor: PersonActor, requestId: string) =>
  runInTransaction({ actor, name: 'cancel' }, (context) => cancelOpenRequest({ ...context, input: { requestId } }))

async function stored(contentId: string) {
  const { rows } = await db.superuser.query(
    `SELECT (SELECT count(*)::int FROM file_chunk WHERE content_id = $1) AS chunks,
            (SELECT count(*)::int FROM file WHERE content_id = $1 AND file_key IS NOT NULL) AS keys`,
    [contentId],
  )
  return rows[0]
}

describe('deleting the root of a lineage', () => {
  it('takes every copy with it, each with its entry', async () => {
    const { tenantId, owner, files, states, opens } = await makeLineage()
    const requestId = await request(owner, files.root)
    expect(await states()).toEqual(['deleting', 'deleting', 'deleting'])
    expect(await opens()).toEqual([false, false, false])
    testingOnlyAdvanceClock(31_000)
    expect(await releaseDelayedRequest(tenantId, requestId)).toBe('carried out')
    expect(await states()).toEqual(['deleted', 'deleted', 'deleted'])
    expect(await stored(files.root)).toEqual({ chunks: 0, keys: 0 })
    const entries = (await readLog(db, tenantId)).filter(({ entry }) => entry.action === 'file.delete')
    expect(entries.map(({ entry }) => entry.target?.id).sort()).toEqual(Object.values(files).sort())
    for (const { entry } of entries) expect(entry).toMatchObject({ outcome: 'allowed', correlationId: requestId })
    const details = new Map(entries.map(({ entry, personal }) => [entry.target?.id, personal.detail]))
    expect(details.get(files.root)).toMatchObject({ derived: '2', keyDestroyed: 'true' })
    expect(details.get(files.second)).toMatchObject({ derivedFrom: files.root, keyDestroyed: 'true' })
  })

  it('taken back, brings back every copy but one whose own deletion is still asked for', async () => {
    const { owner, files, states, opens } = await makeLineage()
    const own = await request(owner, files.first)
    const all = await request(owner, files.root)
    await cancel(owner, all)
    expect(await states()).toEqual(['published', 'deleting', 'published'])
    await cancel(owner, own)
    expect(await opens()).toEqual([true, true, true])
  })

  it('a copy whose own deletion is taken back stays away while the root is going', async () => {
    const { owner, files, states } = await makeLineage()
    const own = await request(owner, files.second)
    const all = await request(owner, files.root)
    await cancel(owner, own)
    expect(await states()).toEqual(['deleting', 'deleting', 'deleting'])
    await cancel(owner, all)
    expect(await states()).toEqual(['published', 'published', 'published'])
  })

  it('a copy’s own request closes by itself when the root took the copy along', async () => {
    const { tenantId, owner, files, states } = await makeLineage()
    const all = await request(owner, files.root)
    await cancel(owner, all)
    const [own, again] = [await request(owner, files.second), await request(owner, files.root)]
    testingOnlyAdvanceClock(31_000)
    expect(await releaseDelayedRequest(tenantId, again)).toBe('carried out')
    expect(await releaseDelayedRequest(tenantId, own)).toBe('closed')
    expect(await states()).toEqual(['deleted', 'deleted', 'deleted'])
  })
})

describe('deleting a copy', () => {
  it('destroys its own key alone: the root and what was made of the copy still open', async () => {
    const { tenantId, owner, files, states, opens } = await makeLineage()
    const requestId = await request(owner, files.first)
    testingOnlyAdvanceClock(31_000)
    expect(await releaseDelayedRequest(tenantId, requestId)).toBe('carried out')
    expect(await states()).toEqual(['published', 'deleted', 'published'])
    expect(await opens()).toEqual([true, false, true])
    expect(await stored(files.root)).toEqual({ chunks: 1, keys: 2 })
  })
})
