import { type DBSchema, type IDBPDatabase, type IDBPTransaction, openDB, type StoreNames } from 'idb'
import { AgentError } from '#agent/core/errors.ts'
import type { RingPart } from '#agent/core/ports.ts'
import type { Bytes } from '#lib/bytes.ts'
import type { PublicJwk } from '#protocol/device/keys.ts'

const VERSION = 1

/** What a browser keeps of its device; one database, so that a transaction can span all of it. */
export interface DeviceSchema extends DBSchema {
  blobs: {
    key: string
    value: { folder: string; sizeBytes: number; bytes: Bytes }
    /** Folder and size without the bytes. */
    indexes: { sizes: [string, number] }
  }
  keys: { key: RingPart; value: { key: CryptoKey; publicJwk: PublicJwk | null } }
  events: { key: number; value: { sizeBytes: number; sealed: Bytes } }
  /** One record: the last number, and which queue it counts. */
  counter: { key: 'last'; value: { queueId: string; last: number } }
}

export type StoreName = StoreNames<DeviceSchema>

export const STORE_NAMES = ['blobs', 'keys', 'events', 'counter'] as const satisfies StoreName[]

export type WriteTransaction<N extends StoreName> = IDBPTransaction<DeviceSchema, N[], 'readwrite'>

export type Database = {
  /** The connection, opened where it is not. */
  use(): Promise<IDBPDatabase<DeviceSchema>>
  /** All of `work` or nothing of it; on the disk when it returns. `work` may await nothing but the transaction's own requests. */
  write<N extends StoreName, T>(stores: N[], work: (transaction: WriteTransaction<N>) => Promise<T>): Promise<T>
  close(): void
}

function open(name: string, forget: () => void): Promise<IDBPDatabase<DeviceSchema>> {
  return openDB<DeviceSchema>(name, VERSION, {
    upgrade(database) {
      database.createObjectStore('blobs').createIndex('sizes', ['folder', 'sizeBytes'])
      for (const store of ['keys', 'events', 'counter'] as const) database.createObjectStore(store)
    },
    // Somebody deletes the database or opens a newer version of it: whoever holds on would make them wait.
    blocking(_current, _blocked, event) {
      forget()
      const { target } = event
      if (target instanceof IDBDatabase) target.close()
    },
    terminated: forget,
  })
}

/** The database of one device. Throws AgentError `storage` where the browser keeps none (some private windows). */
export function openDatabase(name: string): Database {
  let connection: Promise<IDBPDatabase<DeviceSchema>> | null = null

  async function use(): Promise<IDBPDatabase<DeviceSchema>> {
    connection ??= open(name, () => {
      connection = null
    })
    try {
      return await connection
    } catch (cause) {
      connection = null
      const detail = cause instanceof Error ? cause.message : String(cause)
      throw new AgentError('storage', `This browser keeps nothing for this site: ${detail}`, { cause })
    }
  }

  return {
    use,
    async write(stores, work) {
      const transaction = (await use()).transaction(stores, 'readwrite', { durability: 'strict' })
      try {
        const result = await work(transaction)
        await transaction.done
        return result
      } catch (error) {
        transaction.done.catch(() => undefined)
        // Harmless where the failure has already ended it.
        if (!(error instanceof DOMException)) transaction.abort()
        throw error
      }
    },
    close() {
      connection?.then((open) => open.close()).catch(() => undefined)
      connection = null
    },
  }
}
