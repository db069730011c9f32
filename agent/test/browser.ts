import 'fake-indexeddb/auto'
import { openDB } from 'idb'
import { Agent, fetch as undiciFetch } from 'undici'
import { afterAll } from 'vitest'
import { type BrowserAgent, type BrowserAgentOptions, openBrowserAgent } from '#agent/browser/agent.ts'
import { type DeviceSchema, openDatabase, STORE_NAMES } from '#agent/browser/database.ts'
import { uuidv7 } from '#lib/uuid.ts'

/** `fetch` that trusts one CA. */
export function fetchTrusting(ca: string): { fetch: typeof fetch; close(): Promise<void> } {
  const dispatcher = new Agent({ connect: { ca: [ca] } })
  // Undici's own fetch is the runtime's; only the types of the two are not the same.
  const call = (url: string, init: object) => undiciFetch(url, { ...init, dispatcher })
  return { fetch: call as unknown as typeof fetch, close: () => dispatcher.destroy() }
}

/** Opens tabs of browsers that speak to one gateway; a database name is a browser. Closed after the file's tests. */
export function useBrowsers(gateway: () => { url: string; ca: string }) {
  const opened: { close(): unknown }[] = []
  afterAll(async () => {
    for (const one of opened.reverse()) await one.close()
  })
  return {
    freshName: () => `browser-${uuidv7()}`,
    async tab(databaseName: string, change: Partial<BrowserAgentOptions> = {}): Promise<BrowserAgent> {
      const { url, ca } = gateway()
      const trusting = fetchTrusting(ca)
      const tab = await openBrowserAgent({
        origin: url,
        databaseName,
        appVersion: '0.1.0',
        fetch: trusting.fetch,
        ...change,
      })
      opened.push(trusting, tab)
      return tab
    },
  }
}

/** Everything that a database holds, as whoever exports the browser's storage would see it. */
export async function dump(databaseName: string): Promise<Record<string, [key: string, value: unknown][]>> {
  const database = await openDB<DeviceSchema>(databaseName)
  const found: Record<string, [string, unknown][]> = {}
  for (const store of STORE_NAMES) {
    const keys = await database.getAllKeys(store)
    const values = await database.getAll(store)
    found[store] = keys.map((key, at) => [String(key), values[at]])
  }
  database.close()
  return found
}

/** A copy of a browser's storage, as it was at this moment; what may not be exported is copied with it. */
export async function copyDatabase(from: string, to: string): Promise<void> {
  const source = await openDB<DeviceSchema>(from)
  const target = openDatabase(to)
  await target.use()
  for (const store of STORE_NAMES) {
    const keys = await source.getAllKeys(store)
    const values = await source.getAll(store)
    await target.write([store], async (transaction) => {
      const objectStore = transaction.objectStore(store)
      for (const [at, key] of keys.entries()) {
        const value = values[at]
        if (value !== undefined) await objectStore.put(value, key)
      }
    })
  }
  source.close()
  target.close()
}
