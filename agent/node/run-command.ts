import type { Server } from 'node:net'
import { backoffMs } from '#agent/core/backoff.ts'
import type { Device } from '#agent/core/device.ts'
import { AgentError } from '#agent/core/errors.ts'
import { type RunNotice, run } from '#agent/core/run.ts'
import { erasedError, readTombstone, type Tombstone } from '#agent/core/tombstone.ts'
import { createWaker } from '#agent/core/waker.ts'
import { resumeErasure, settleErasure } from '#agent/core/wipe.ts'
import { createCompanion, listenForCompanions, noCompanion } from './companion.ts'
import { type OutputOptions, print } from './output.ts'
import { openDevice, openWorkspace, type Workspace } from './workspace.ts'

function lineOf(notice: RunNotice): string {
  switch (notice.event) {
    case 'connected':
      return 'Connected; waiting for commands.'
    case 'disconnected':
      return 'Disconnected; connecting again.'
    case 'polling':
      return 'The gateway does not stream; asking for commands instead.'
    case 'sent':
      return `Sent ${notice.count} event(s).`
    case 'policy':
      return `Policy version ${notice.version}.`
    case 'status':
      return `Status: ${notice.status}.${notice.detail ? ` ${notice.detail}` : ''}`
    case 'problem':
      return notice.detail
    case 'command':
      return `Command: ${JSON.stringify(notice.result)}`
  }
}

async function listen(workspace: Workspace, device: Device, poke: () => void): Promise<Server> {
  return workspace.ports.store.exclusive(async () => {
    if (await createCompanion(workspace.directory).isRunning()) {
      throw new AgentError('usage', 'Another agent already runs on this directory.')
    }
    const { lease } = device
    return listenForCompanions(workspace.directory, { share: lease.share, drop: lease.drop, poke })
  })
}

/** Sends the receipt until the server has decided on it, or the signal. */
async function settle(workspace: Workspace, signal: AbortSignal): Promise<Tombstone | null> {
  await resumeErasure(workspace.ports)
  for (let attempt = 0; ; attempt++) {
    const tombstone = await settleErasure(workspace.ports)
    if (tombstone?.receipt !== 'waiting' || signal.aborted) return tombstone
    await workspace.ports.clock.sleep(backoffMs(attempt), signal)
  }
}

function stopSignal(): AbortSignal {
  const stop = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort())
  return stop.signal
}

async function stayConnected(workspace: Workspace, options: RunCommandOptions, signal: AbortSignal) {
  const device = await openDevice(workspace, options)
  const events = createWaker(workspace.ports.clock)
  const server = await listen(workspace, device, events.wake)
  let last = ''
  const notify = (notice: RunNotice) => {
    const line = lineOf(notice)
    // The same state again is no news.
    if (line === last && notice.event !== 'sent') return
    last = line
    print(options, { at: new Date().toISOString(), ...notice }, [line])
  }
  try {
    return await run(device, { signal, notify, events })
  } finally {
    server.close()
    device.lease.drop()
    device.queue.close()
  }
}

export type RunCommandOptions = OutputOptions & { dir: string; appVersion?: string }

/** `run`: stays connected until a signal or an erasure. */
export async function runCommand(options: RunCommandOptions): Promise<void> {
  const workspace = await openWorkspace(options.dir, { companion: noCompanion })
  const signal = stopSignal()
  await resumeErasure(workspace.ports)
  const before = await readTombstone(workspace.ports.store)
  if (!before && (await stayConnected(workspace, options, signal)) === 'stopped') return
  const tombstone = await settle(workspace, signal)
  if (before) throw erasedError(before.erasedAt)
  print(options, { event: 'erased', ...tombstone }, [`This device was erased on ${tombstone?.erasedAt}.`])
}
