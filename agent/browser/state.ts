import { readIdentity, readStanding, type Standing } from '#agent/core/identity.ts'
import type { AgentPorts } from '#agent/core/ports.ts'
import { isErased, readTombstone, type Tombstone } from '#agent/core/tombstone.ts'

/** What this browser is, by what it keeps; nobody is asked. */
export type BrowserState =
  | { state: 'new' }
  | { state: 'enrolled'; deviceId: string; name: string; standing: Standing | null }
  /** `receipt` is `waiting` until the server has it. */
  | { state: 'erased'; tombstone: Tombstone | null }

/** Reads it from the storage. */
export async function stateOf({ store, ...ports }: AgentPorts): Promise<BrowserState> {
  const tombstone = await readTombstone(store)
  if (tombstone || (await isErased({ store, ...ports }))) return { state: 'erased', tombstone }
  const identity = await readIdentity(store)
  if (!identity) return { state: 'new' }
  const { deviceId, facts } = identity
  return { state: 'enrolled', deviceId, name: facts.name, standing: await readStanding(store) }
}
