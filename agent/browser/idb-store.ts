import { AgentError } from '#agent/core/errors.ts'
import { NAMES } from '#agent/core/identity.ts'
import type { Store } from '#agent/core/ports.ts'
import type { Database } from './database.ts'

const folderOf = (name: string) => name.slice(0, Math.max(0, name.indexOf('/')))

/** Every name in a folder, by a range over the keys: `/` is followed by `0`. */
const within = (folder: string) => IDBKeyRange.bound(`${folder}/`, `${folder}0`, false, true)

/** What an erasure itself writes. */
const OF_ERASURE = new RegExp(`^(${NAMES.tombstone}|${NAMES.wipe}|${NAMES.receipts}/.*)$`)

/**
 * A store in the browser. Nothing here can be overwritten in place: to shred is to remove, and what makes the remains
 * worthless is that their key is gone. Once there is a tombstone, nothing else is written any more: a tab that was in the middle
 * of something finds out here.
 */
export function createIdbStore(database: Database, lockName: string): Store {
  async function remove(name: string): Promise<void> {
    await database.write(['blobs'], (transaction) => transaction.objectStore('blobs').delete(name))
  }

  return {
    async read(name) {
      return (await (await database.use()).get('blobs', name))?.bytes ?? null
    },
    async write(name, bytes) {
      // A copy: a view would take its whole buffer along.
      const value = { folder: folderOf(name), sizeBytes: bytes.length, bytes: new Uint8Array(bytes) }
      await database.write(['blobs'], async (transaction) => {
        const blobs = transaction.objectStore('blobs')
        if (!OF_ERASURE.test(name) && (await blobs.getKey(NAMES.tombstone)) !== undefined) {
          throw new AgentError('erased', 'This device was erased.')
        }
        await blobs.put(value, name)
      })
    },
    remove,
    shred: remove,
    async list(folder) {
      const found: { name: string; sizeBytes: number }[] = []
      const index = (await database.use()).transaction('blobs').store.index('sizes')
      let cursor = await index.openKeyCursor(IDBKeyRange.bound([folder], [folder, []]))
      for (; cursor; cursor = await cursor.continue()) {
        found.push({ name: cursor.primaryKey, sizeBytes: cursor.key[1] })
      }
      return found.sort((a, b) => (a.name < b.name ? -1 : 1))
    },
    async shredFolder(folder) {
      await database.write(['blobs'], (transaction) => transaction.objectStore('blobs').delete(within(folder)))
    },
    exclusive: (work) => navigator.locks.request(lockName, work),
  }
}
