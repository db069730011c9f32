import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'

const RETRY_MS = 25

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === 5
}

/**
 * One holder among all processes of a directory. Node has no flock; SQLite's file lock is one that the system frees when a
 * process dies, however it dies. The file holds nothing.
 */
export function createDirectoryLock(directory: string) {
  let tail: Promise<unknown> = Promise.resolve()

  async function acquire(): Promise<DatabaseSync> {
    const database = new DatabaseSync(join(directory, 'lock'), { timeout: 0 })
    for (;;) {
      try {
        database.exec('BEGIN EXCLUSIVE')
        return database
      } catch (error) {
        if (!isBusy(error)) {
          database.close()
          throw error
        }
        await sleep(RETRY_MS)
      }
    }
  }

  async function hold<T>(work: () => Promise<T>): Promise<T> {
    const database = await acquire()
    try {
      return await work()
    } finally {
      // Ends the transaction and frees the lock.
      database.close()
    }
  }

  return {
    exclusive<T>(work: () => Promise<T>): Promise<T> {
      const turn = tail.then(() => hold(work))
      tail = turn.catch(() => undefined)
      return turn
    },
  }
}
