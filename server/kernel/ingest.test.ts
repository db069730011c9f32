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
    const names = () => groups.map((group) => group.names.join(' '))

    for (const name of ['a', 'b', 'c']) send(name, 3)
    await expect.poll(names).toEqual(['a'])
    for (const name of ['d', 'e', 'f', 'g', 'h', 'i']) send(name, 3)
    await expect.poll(names).toEqual(['a', 'b c d', 'e f g'])
    send('j', 9)
    await answersSoon()
    expect(names()).toEqual(['a', 'b c d', 'e f g'])
    groups[0]?.letGo()
    await expect.poll(names).toEqual(['a', 'b c d', 'e f g', 'h i'])
    groups[2]?.letGo()
    groups[1]?.letGo()
    groups[3]?.letGo()
    await expect.poll(names).toEqual(['a', 'b c d', 'e f g', 'h i', 'j'])
    groups[4]?.letGo()
    expect(await Promise.all(answers)).toEqual([...'abcdefghij'])
    const log = await readLog(db, tenantId)
    const times = log.map(({ entry }) => entry.recordedAt)
    expect(times).toEqual(times.toSorted())
    expect(log.filter(({ entry }) => entry.action === 'custom.done')).toHaveLength(3 * 9 + 9)
  })
})

/** Whatever could begin now has begun. */
function answersSoon(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
