import { utf8Decode, utf8Encode } from '#lib/bytes.ts'
import type { Client } from './client.ts'
import { GatewayError, isTemporary } from './errors.ts'
import { NAMES } from './identity.ts'
import type { Store } from './ports.ts'

const nameOf = (commandId: string) => `${NAMES.receipts}/${commandId}.jws`

/** Keeps a receipt until the server has it. */
export function keepReceipt(store: Store, commandId: string, jws: string): Promise<void> {
  return store.write(nameOf(commandId), utf8Encode(jws))
}

export async function hasReceipt(store: Store, commandId: string): Promise<boolean> {
  return (await store.read(nameOf(commandId))) !== null
}

/** Drops every unsent receipt but one. */
export async function forgetReceipts(store: Store, exceptCommandId: string): Promise<void> {
  for (const { name } of await store.list(NAMES.receipts)) {
    if (name !== nameOf(exceptCommandId)) await store.remove(name)
  }
}

export type ReceiptFate = 'accepted' | 'refused' | 'waiting'

/**
 * Sends one kept receipt. `refused` is the server's final no (a 4xx that no repetition changes). If we die after the server
 * took it, it is sent again and taken again: the server knows it by its command.
 */
export async function sendReceipt(store: Store, client: Client, commandId: string): Promise<ReceiptFate> {
  const jws = await store.read(nameOf(commandId))
  if (jws === null) return 'accepted'
  try {
    await client.receipt(commandId, utf8Decode(jws))
    return 'accepted'
  } catch (error) {
    if (isTemporary(error)) return 'waiting'
    if (error instanceof GatewayError) return error.status === 401 ? 'waiting' : 'refused'
    throw error
  }
}

const rounds = new WeakMap<Store, Promise<unknown>>()

/**
 * Sends every kept receipt and forgets those the server has decided on. Gives how many still wait. One round after the other:
 * two at once would hand in the same receipt twice, and the log would have to tell of the second.
 */
export function sendReceipts(store: Store, client: Client): Promise<number> {
  const round = (rounds.get(store) ?? Promise.resolve()).then(() => sendKept(store, client))
  rounds.set(
    store,
    round.catch(() => undefined),
  )
  return round
}

async function sendKept(store: Store, client: Client): Promise<number> {
  let waiting = 0
  for (const { name } of await store.list(NAMES.receipts)) {
    const commandId = name.slice(NAMES.receipts.length + 1).replace(/\.jws$/, '')
    const fate = await sendReceipt(store, client, commandId)
    if (fate === 'waiting') waiting += 1
    else await store.remove(name)
  }
  return waiting
}
