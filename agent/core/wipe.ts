import { z } from 'zod'
import { formatTime } from '#lib/time.ts'
import { type Command, commandSchema } from '#protocol/device/commands.ts'
import { signReceipt } from '#protocol/device/receipts.ts'
import { backoffMs } from './backoff.ts'
import { loadSpeaker } from './device.ts'
import { isStorageFailure } from './errors.ts'
import { NAMES, readJson, writeJson } from './identity.ts'
import type { AgentPorts } from './ports.ts'
import { forgetReceipts, hasReceipt, keepReceipt, type ReceiptFate, sendReceipt } from './receipts.ts'
import { readTombstone, type Tombstone, writeTombstone } from './tombstone.ts'
import { vaultHoldings } from './vault-parts.ts'

// The order, and what a crash means. Every step may be repeated; `wipe.json` stands from the first step to the last, and
// whoever starts next goes on where it points before doing anything else.
//   1 wipe.json            died before: nothing has happened, the server sends the order again
//   2 secret, seal key     from here on nothing in the vault or the queue opens, whatever happens next
//   3 count the vault      written down before the first file goes, so that the receipt is right after any crash
//   4 vault, queue, what the platform keeps, policy, index, receipts of other commands (an erasure supersedes them)
//   5 receipt, tombstone   the receipt is signed once; if it is there, it is not made again
//   6 wipe.json is removed
//   7 the receipt is sent until the server decides; then signing key, token and identity go, too

const wipeSchema = z.object({
  command: commandSchema,
  startedAt: z.string(),
  erased: z.object({ files: z.number(), bytes: z.number() }).nullable(),
})

type WipeRecord = z.infer<typeof wipeSchema>

/** What is destroyed in step 4, beside the vault and the queue. */
const FORGOTTEN = [NAMES.fileIndex, NAMES.policy, NAMES.standing, NAMES.commands] as const

/** A full disk must not stop an erasure: what is about to be destroyed makes the room for the next note. */
async function noteIfRoom(ports: AgentPorts, record: WipeRecord): Promise<void> {
  try {
    await writeJson(ports.store, NAMES.wipe, record)
  } catch (error) {
    if (!isStorageFailure(error)) throw error
  }
}

async function destroy(ports: AgentPorts, record: WipeRecord): Promise<{ files: number; bytes: number }> {
  const { store, keys } = ports
  await keys.destroy('secret')
  await keys.destroy('sealing')
  const erased = record.erased ?? (await vaultHoldings(ports.store))
  if (!record.erased) await noteIfRoom(ports, { ...record, erased })
  await sweep(ports)
  await forgetReceipts(store, record.command.id)
  return erased
}

async function sweep(ports: AgentPorts): Promise<void> {
  await ports.store.shredFolder(NAMES.vault)
  await ports.destroyQueue()
  await ports.forget()
  for (const name of FORGOTTEN) await ports.store.shred(name)
}

async function certify(ports: AgentPorts, record: WipeRecord, erased: { files: number; bytes: number }): Promise<void> {
  const { command } = record
  const speaker = await loadSpeaker(ports)
  if (!speaker || (await hasReceipt(ports.store, command.id))) return
  const receipt = {
    commandId: command.id,
    deviceId: command.deviceId,
    nonce: command.nonce,
    result: 'erased' as const,
    erased,
    at: formatTime(ports.clock.now()),
    // This agent owns a directory or a browser's storage, not the machine around it.
    scope: 'organisation-data' as const,
  }
  const jws = await signReceipt(receipt, speaker.signKey, speaker.identity.keyThumbprint)
  await keepReceipt(ports.store, command.id, jws)
}

async function finish(ports: AgentPorts, record: WipeRecord): Promise<Tombstone> {
  const erased = await destroy(ports, record)
  await certify(ports, record, erased)
  const { id: commandId, deviceId, tenantId } = record.command
  const erasedAt = formatTime(ports.clock.now())
  const tombstone: Tombstone = { erasedAt, deviceId, tenantId, commandId, erased, receipt: 'waiting' }
  await writeTombstone(ports.store, tombstone)
  await ports.store.remove(NAMES.wipe)
  return tombstone
}

/** Erases the device on a verified order. The caller holds the store. Sends nothing: `settleErasure` does. */
export async function wipe(ports: AgentPorts, command: Command): Promise<Tombstone> {
  const record: WipeRecord = { command, startedAt: formatTime(ports.clock.now()), erased: null }
  await noteIfRoom(ports, record)
  return finish(ports, record)
}

/** Finishes an erasure that a crash interrupted. Call before anything else; harmless where there is none. */
export async function resumeErasure(ports: AgentPorts): Promise<void> {
  if ((await ports.store.read(NAMES.wipe)) === null) return
  await ports.store.exclusive(async () => {
    const record = await readJson(ports.store, NAMES.wipe, wipeSchema)
    if (record) await finish(ports, record)
  })
}

async function deliver(ports: AgentPorts, tombstone: Tombstone): Promise<ReceiptFate> {
  const speaker = await loadSpeaker(ports)
  return speaker ? sendReceipt(ports.store, speaker.client, tombstone.commandId) : 'refused'
}

/** Sends the receipt of an erasure; once the server has decided, the last keys go, too. Null where nothing was erased. */
export async function settleErasure(ports: AgentPorts): Promise<Tombstone | null> {
  const { store } = ports
  const tombstone = await readTombstone(store)
  if (!tombstone) return null
  // What was being written while the wipe ran: sealed files that no key opens, the answer to a check-in.
  await sweep(ports)
  const receipt = tombstone.receipt === 'waiting' ? await deliver(ports, tombstone) : tombstone.receipt
  if (receipt === 'waiting') return tombstone
  const settled = { ...tombstone, receipt }
  // Died here: the answer is on record, and the next start destroys the keys.
  if (tombstone.receipt === 'waiting') await writeTombstone(store, settled)
  await ports.keys.destroy('signing')
  for (const name of [NAMES.token, NAMES.identity]) await store.shred(name)
  return settled
}

/** Finishes an interrupted erasure and sends its receipt until the server has decided on it, or the signal. */
export async function settleUntil(ports: AgentPorts, signal: AbortSignal): Promise<Tombstone | null> {
  await resumeErasure(ports)
  for (let attempt = 0; ; attempt++) {
    const tombstone = await settleErasure(ports)
    if (tombstone?.receipt !== 'waiting' || signal.aborted) return tombstone
    await ports.clock.sleep(backoffMs(attempt), signal)
  }
}
