import { formatTime } from '#lib/time.ts'
import type { FactsResponse, FileEntry } from '#protocol/device/messages.ts'
import { type CommandResult, handleCommand } from './commands.ts'
import type { Device } from './device.ts'
import { isRevoked, toAgentError } from './errors.ts'
import { type FlushResult, flushEvents } from './events.ts'
import { listFiles } from './files.ts'
import { writeStanding } from './identity.ts'
import { cachedPolicy, fetchPolicy, keepsContent } from './policy.ts'
import { sendReceipts } from './receipts.ts'
import { dropShare } from './vault.ts'
import { pruneVault } from './vault-files.ts'

/** Tells the server the facts and learns the device's standing. Where access is revoked, the share is dropped first. */
export async function checkIn(device: Device): Promise<FactsResponse> {
  const { store, clock, transport } = device.ports
  const tls = transport.tls()
  try {
    const answer = await device.client.facts({ ...device.identity.facts, ...(tls ? { tls } : {}) })
    const { status, problem } = answer
    await writeStanding(store, { status, problem: problem ?? null, at: formatTime(clock.now()) })
    return answer
  } catch (error) {
    if (isRevoked(error)) {
      await dropShare(device)
      await writeStanding(store, { status: 'blocked', at: formatTime(clock.now()) })
    }
    throw error
  }
}

/** Fetches the policy where the server has another one. Gives its version. */
export async function refreshPolicy(
  device: Device,
  serverVersion: number,
): Promise<{ version: number; changed: boolean }> {
  const cached = await cachedPolicy(device)
  if (cached && cached.version === serverVersion) return { version: cached.version, changed: false }
  return { version: (await fetchPolicy(device)).version, changed: true }
}

/** Lists the files anew and shreds those in the vault that are no longer listed, or may not lie here any more. */
export async function refreshFiles(device: Device): Promise<FileEntry[]> {
  const files = await listFiles(device)
  const kept = (await keepsContent(device)) ? files : []
  await pruneVault(device, new Set(kept.map((file) => file.id)))
  return files
}

export type SyncResult = {
  status: string
  problem: { code: string; detail: string } | null
  policyVersion: number | null
  commands: CommandResult[]
  events: FlushResult
}

/** Obeys what waits, oldest first; an erasure ends it. */
export async function obeyWaiting(device: Device): Promise<CommandResult[]> {
  const results: CommandResult[] = []
  const { items } = await device.client.commands(0)
  for (const jws of items) {
    const result = await handleCommand(device, jws)
    results.push(result)
    if (result.kind === 'erased') return results
  }
  if (items.length > 0) await sendReceipts(device.ports.store, device.client)
  return results
}

async function exchange(device: Device): Promise<SyncResult> {
  await sendReceipts(device.ports.store, device.client)
  const commands = await obeyWaiting(device)
  const none: FlushResult = { sent: 0, duplicates: 0, rejected: [] }
  if (commands.some((result) => result.kind === 'erased')) {
    return { status: 'wiped', problem: null, policyVersion: null, commands, events: none }
  }
  const answer = await checkIn(device)
  // Before the policy: one that has to be refused must not hold events back.
  const events = await flushEvents(device)
  const { version } = await refreshPolicy(device, answer.policyVersion)
  if (answer.status === 'active' && !answer.problem) await refreshFiles(device)
  return { status: answer.status, problem: answer.problem ?? null, policyVersion: version, commands, events }
}

/** One round: receipts, commands, check-in, events, policy, files. Throws AgentError; what was queued stays queued. */
export async function syncOnce(device: Device): Promise<SyncResult> {
  try {
    return await exchange(device)
  } catch (error) {
    throw toAgentError(error)
  }
}
