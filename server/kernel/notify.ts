import 'server-only'
import pg from 'pg'
import type { Sql } from './db.ts'
import { forgetDataKeys } from './keys.ts'
import { runtime } from './runtime.ts'

/** What changed for whom; `topics` are nouns (`device`, `wipe`) or `device:<id>` for one device's commands. */
export type Change = { tenantId: string; topics: string[] }

const CHANNEL = 'gatehouse'

/** Told to listeners at commit. PostgreSQL drops duplicates inside a transaction. */
export async function notifyChange(sql: Sql, change: Change): Promise<void> {
  await sql(`SELECT pg_notify('${CHANNEL}', $1::text)::text AS done`, [
    JSON.stringify({ t: change.tenantId, c: change.topics }),
  ])
}

type Listener = (change: Change | 'reconnected') => void

const SLOT = Symbol.for('gatehouse.listeners')
type Hub = { listeners: Set<Listener>; client: pg.Client | null; connecting: boolean }
const slots = globalThis as { [SLOT]?: Hub }

/**
 * Calls `listener` on every change of any organisation, over one connection a process. Once connected, and after a
 * lost connection, it is told `reconnected`: it may have missed changes and should look again. Returns the function that ends it.
 */
export function listenForChanges(listener: Listener): () => void {
  slots[SLOT] ??= { listeners: new Set(), client: null, connecting: false }
  const hub = slots[SLOT]
  hub.listeners.add(listener)
  void connect(hub)
  return () => {
    hub.listeners.delete(listener)
    if (hub.listeners.size === 0) void close(hub)
  }
}

async function connect(hub: Hub): Promise<void> {
  if (hub.client || hub.connecting) return
  hub.connecting = true
  const client = new pg.Client({
    connectionString: runtime().logins.reader,
    application_name: 'gatehouse-listen',
    keepAlive: true,
  })
  const retry = () => {
    if (hub.client === client) hub.client = null
    if (hub.listeners.size > 0) setTimeout(() => void connect(hub), 500 + Math.random() * 1_000).unref()
  }
  client.on('error', () => void client.end().catch(() => {}))
  client.on('end', retry)
  client.on('notification', ({ payload }) => {
    const { t, c } = JSON.parse(payload ?? '{}') as { t: string; c: string[] }
    // A destroyed key leaves this process's memory, too.
    if (c.includes('key')) forgetDataKeys(t)
    for (const listener of hub.listeners) listener({ tenantId: t, topics: c })
  })
  try {
    await client.connect()
    await client.query(`LISTEN ${CHANNEL}`)
    hub.client = client
    // The first time, too: whoever listened while we connected has missed what changed meanwhile.
    for (const listener of hub.listeners) listener('reconnected')
  } catch {
    client.removeListener('end', retry)
    await client.end().catch(() => {})
    retry()
  } finally {
    hub.connecting = false
  }
}

async function close(hub: Hub): Promise<void> {
  const { client } = hub
  hub.client = null
  client?.removeAllListeners('end')
  await client?.end().catch(() => {})
}
