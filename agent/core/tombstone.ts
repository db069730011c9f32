import { z } from 'zod'
import { AgentError } from './errors.ts'
import { NAMES, readJson, writeJson } from './identity.ts'
import type { AgentPorts, Store } from './ports.ts'

const tombstoneSchema = z.object({
  erasedAt: z.string(),
  deviceId: z.string(),
  tenantId: z.string(),
  commandId: z.string(),
  erased: z.object({ files: z.number(), bytes: z.number() }),
  /** How the server took the receipt. */
  receipt: z.enum(['waiting', 'accepted', 'refused']),
})

/** What an erasure leaves beside its receipt. */
export type Tombstone = z.infer<typeof tombstoneSchema>

export function readTombstone(store: Store): Promise<Tombstone | null> {
  return readJson(store, NAMES.tombstone, tombstoneSchema)
}

export function writeTombstone(store: Store, tombstone: Tombstone): Promise<void> {
  return writeJson(store, NAMES.tombstone, tombstone)
}

export function erasedError(erasedAt: string): AgentError {
  return new AgentError('erased', `This device was erased on ${erasedAt}.`)
}

/** Throws `erased` where the device was erased, or where its erasure has begun: nothing may be opened in between. */
export async function expectNotErased(ports: AgentPorts): Promise<void> {
  const tombstone = await readTombstone(ports.store)
  if (tombstone) throw erasedError(tombstone.erasedAt)
  if (await ports.store.read(NAMES.wipe)) throw new AgentError('erased', 'This device is being erased.')
}

/** Whether the device was erased or its erasure has begun. */
export async function isErased(ports: AgentPorts): Promise<boolean> {
  return (await ports.store.read(NAMES.tombstone)) !== null || (await ports.store.read(NAMES.wipe)) !== null
}
