import type { Tombstone } from '#agent/core/tombstone.ts'
import { openBrowserAgent } from './agent.ts'

export type WakeOptions = {
  /** As for `openBrowserAgent`. */
  origin: string
  databaseName?: string
  appVersion: string
  forget?: () => Promise<void>
  fetch?: typeof fetch
}

/** What came of it: nothing was to do, one round was made, or the device is erased. */
export type WakeResult = { did: 'nothing' | 'synced' } | { did: 'erased'; tombstone: Tombstone | null }

/**
 * What a service worker does when a push message comes and no page is open: one round with the server, an erasure included. A
 * page that is connected does it better, and is left to it.
 */
export async function wake(options: WakeOptions): Promise<WakeResult> {
  const agent = await openBrowserAgent(options)
  try {
    const before = await agent.state()
    if (before.state === 'new') return { did: 'nothing' }
    const result = await agent.sync()
    const after = await agent.state()
    if (after.state === 'erased') return { did: 'erased', tombstone: after.tombstone }
    return { did: result ? 'synced' : 'nothing' }
  } finally {
    agent.close()
  }
}
