import { AgentError } from '#agent/core/errors.ts'
import type { EventQueue, LocalCipher } from '#agent/core/ports.ts'
import { type Bytes, utf8Decode, utf8Encode } from '#lib/bytes.ts'
import { uuidv7 } from '#lib/uuid.ts'
import type { Database } from './database.ts'

const contextOf = (seq: number) => `gatehouse/event/v1/${seq}`

/** Which queue this is, made on first use. A tab that outlives an erasure must not write into the next device's queue. */
async function identify(database: Database): Promise<string> {
  return database.write(['counter'], async (transaction) => {
    const counter = transaction.objectStore('counter')
    const before = await counter.get('last')
    if (before) return before.queueId
    const queueId = uuidv7()
    await counter.put({ queueId, last: 0 }, 'last')
    return queueId
  })
}

function gone(): AgentError {
  return new AgentError('erased', 'The queue of this device was destroyed.')
}

/**
 * The queue of one device for all tabs. A line is sealed outside any transaction (IndexedDB ends one that waits for
 * anything else), so a lock gives the number to one tab at a time; the browser frees it when a tab dies. Number and line are
 * then committed together: died before it, neither exists.
 */
export function openIdbQueue(database: Database, lockName: string, cipher: LocalCipher): EventQueue {
  const identified = identify(database)
  // Told by whatever is asked of the queue first.
  identified.catch(() => undefined)

  async function last(): Promise<number> {
    const queueId = await identified
    const counter = await (await database.use()).get('counter', 'last')
    if (counter?.queueId !== queueId) throw gone()
    return counter.last
  }

  async function commit(seq: number, sizeBytes: number, sealed: Bytes): Promise<void> {
    const queueId = await identified
    await database.write(['counter', 'events'], async (transaction) => {
      const counter = transaction.objectStore('counter')
      const before = await counter.get('last')
      if (before?.queueId !== queueId || before.last !== seq - 1) throw gone()
      await transaction.objectStore('events').add({ sizeBytes, sealed }, seq)
      await counter.put({ queueId, last: seq }, 'last')
    })
  }

  async function appendLocked(lineFor: (seq: number) => string): Promise<number> {
    const seq = (await last()) + 1
    const line = utf8Encode(lineFor(seq))
    await commit(seq, line.length + 1, await cipher.seal(line, contextOf(seq)))
    return seq
  }

  async function oldest(limits: { lines: number; bytes: number }): Promise<{ seq: number; sealed: Bytes }[]> {
    const taken: { seq: number; sealed: Bytes }[] = []
    let bytes = 0
    let cursor = await (await database.use()).transaction('events').store.openCursor()
    for (; cursor && taken.length < limits.lines; cursor = await cursor.continue()) {
      bytes += cursor.value.sizeBytes
      if (taken.length > 0 && bytes > limits.bytes) break
      taken.push({ seq: cursor.key, sealed: cursor.value.sealed })
    }
    return taken
  }

  return {
    append: (lineFor) => navigator.locks.request(lockName, () => appendLocked(lineFor)),
    async peek(limits) {
      await last()
      const opened = (await oldest(limits)).map(async ({ seq, sealed }) => ({
        seq,
        line: utf8Decode(await cipher.open(sealed, contextOf(seq))),
      }))
      return Promise.all(opened)
    },
    async acknowledge(through) {
      const queueId = await identified
      await database.write(['counter', 'events'], async (transaction) => {
        if ((await transaction.objectStore('counter').get('last'))?.queueId !== queueId) throw gone()
        await transaction.objectStore('events').delete(IDBKeyRange.upperBound(through))
      })
    },
    async state() {
      const lastSeq = await last()
      return { lastSeq, waiting: await (await database.use()).count('events') }
    },
    // The connection is the agent's.
    close: () => undefined,
  }
}

/** Removes the queue. Its lines are unreadable once the device's secret is gone. */
export async function destroyIdbQueue(database: Database): Promise<void> {
  await database.write(['counter', 'events'], async (transaction) => {
    await transaction.objectStore('events').clear()
    await transaction.objectStore('counter').clear()
  })
}
