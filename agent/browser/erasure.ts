import { NAMES } from '#agent/core/identity.ts'
import { type Database, STORE_NAMES } from './database.ts'

/** Caches belong to the page, which an erased device does not need; a browser without them has none to clear. */
async function clearCaches(): Promise<void> {
  if (!('caches' in globalThis)) return
  for (const name of await caches.keys()) await caches.delete(name)
}

/** What lies beside the database. A failure here must not hold up an erasure; it is tried again when the receipt is sent. */
export async function forgetAll(own: (() => Promise<void>) | undefined): Promise<void> {
  await Promise.allSettled([clearCaches(), own?.()])
}

/** Empties the database in one step, but for the tombstone. */
export async function emptyDatabase(database: Database): Promise<void> {
  await database.write([...STORE_NAMES], async (transaction) => {
    const blobs = transaction.objectStore('blobs')
    const tombstone = await blobs.get(NAMES.tombstone)
    for (const name of STORE_NAMES) await transaction.objectStore(name).clear()
    if (tombstone) await blobs.put(tombstone, NAMES.tombstone)
  })
}
