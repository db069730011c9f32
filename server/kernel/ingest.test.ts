import { describe, expect, it } from 'vitest'
import { makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { systemActor } from './actor.ts'
import { defineIngest } from './ingest.ts'

const db = useDatabase()

type Batch = { tenantId: string; size: number; name: string }

/** Groups as they begin; each ends when it is let go. */
function heldIngest() {
  const groups: { names: string[]; letGo: () => void }[] = []
  const ingest = defineIngest<Batch, string>(
    {
      name: 'test.events',
      prepare: async (_sql, batches) => {
        const { promise, resolve } = Promise.withResolvers<void>()
        groups.push({ names: batches.map(({ name }) => name), letGo: resolve })
        await promise
        return batches.map(({ tenantId, size, name }) => ({
          actor: systemActor(tenantId, 'test'),
          drafts: Array.from({ length: size }, () => ({ action: 'custom.done', words: name, source: 'app:test' })),
          result: name,
        }))
      },
    },
    { maxEntries: 10 },
  )
  return { groups, ingest }
}

describe('group commit', () => {
  it('takes what waits together when the one before is over, and a full group at once, three at most', async () => {
    const tenantId = await makeTenant()
    const { groups, ingest } = heldIngest()
    const answers: Promise<string>[] = []
    const send = (name: string, size: number) => answers.push(ingest({ tenantId, size, name }))
    // Two that begin together may reach the database in either order.
    const names = () => groups.map((group) => group.names.join(' ')).sort()
    const letGo = (name: string) => groups.find((group) => group.names.join(' ') === name)?.letGo()

    for (const name of ['a', 'b', 'c']) send(name, 3)
    await expect.poll(names).toEqual(['a'])
    for (const name of ['d', 'e', 'f', 'g', 'h', 'i']) send(name, 3)
    await expect.poll(names).toEqual(['a', 'b c d', 'e f g'])
    send('j', 9)
    await answersSoon()
    expect(names()).toEqual(['a', 'b c d', 'e f g'])
    letGo('a')
    await expect.poll(names).toEqual(['a', 'b c d', 'e f g', 'h i'])
    for (const name of ['e f g', 'b c d', 'h i']) letGo(name)
    await expect.poll(names).toEqual(['a', 'b c d', 'e f g', 'h i', 'j'])
    letGo('j')
    expect(await Promise.all(answers)).toEqual([...'abcdefghij'])
    const log = await readLog(db, tenantId)
    const times = log.map(({ entry }) => entry.recordedAt)
    expect(times).toEqual(times.toSorted())
    expect(log.filter(({ entry }) => entry.action === 'custom.done')).toHaveLength(3 * 9 + 9)
  })
})

it('fails together while the database is away, instead of one after the other', async () => {
  const tenantId = await makeTenant()
  let groups = 0
  const away = Object.assign(new Error('canceling statement due to statement timeout'), { code: '57014' })
  const ingest = defineIngest<{ tenantId: string; size: number }, string>({
    name: 'test.events',
    prepare: async () => {
      groups++
      throw away
    },
  })
  const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => ingest({ tenantId, size: 1 })))
  expect(outcomes).toEqual(
    Array(5).fill({ status: 'rejected', reason: expect.objectContaining({ code: 'unavailable' }) }),
  )
  expect(groups).toBe(2)
})

/** Whatever could begin now has begun. */
function answersSoon(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
