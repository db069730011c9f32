import type { Server } from 'node:net'
import type { Device } from '#agent/core/device.ts'
import { AgentError } from '#agent/core/errors.ts'
import { type RunNotice, run } from '#agent/core/run.ts'
import { erasedError, readTombstone } from '#agent/core/tombstone.ts'
import { createWaker } from '#agent/core/waker.ts'
import { resumeErasure, settleUntil } from '#agent/core/wipe.ts'
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
    case 'files':
      return `${notice.files.length} file(s) for this device.`
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
    // Names of files stay out of a log.
    const said = notice.event === 'files' ? { event: notice.event, count: notice.files.length } : notice
    print(options, { at: new Date().toISOString(), ...said }, [line])
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
  const tombstone = await settleUntil(workspace.ports, signal)
  if (before) throw erasedError(before.erasedAt)
  print(options, { event: 'erased', ...tombstone }, [`This device was erased on ${tombstone?.erasedAt}.`])
}
