import type { FileEntry } from '#protocol/device/messages.ts'
import { backoffMs } from './backoff.ts'
import { type CommandResult, handleCommand } from './commands.ts'
import type { Device } from './device.ts'
import { AgentError, GatewayError, isRevoked, isTemporary, toAgentError } from './errors.ts'
import { flushEvents } from './events.ts'
import { readStanding } from './identity.ts'
import { cachedPolicy, keepsContent } from './policy.ts'
import { sendReceipts } from './receipts.ts'
import { parseEventStream } from './sse.ts'
import { checkIn, refreshFiles, refreshPolicy } from './sync.ts'
import { expectNotErased, isErased } from './tombstone.ts'
import { unlockOnline } from './vault.ts'
import { createWaker, type Waker } from './waker.ts'

/** What a running agent tells its log. */
export type RunNotice =
  | { event: 'connected' | 'disconnected' | 'polling' }
  | { event: 'command'; result: CommandResult }
  | { event: 'sent'; count: number }
  | { event: 'policy'; version: number }
  | { event: 'files'; files: FileEntry[] }
  | { event: 'status'; status: string; detail?: string | undefined }
  | { event: 'problem'; code: string; detail: string }

const CHECK_IN_MS = 5 * 60_000
/** While the organisation's answer is awaited (approval, unblocking), ask more often. */
const CHECK_IN_WAITING_MS = 10_000
const QUEUE_LOOK_MS = 1_000
const POLL_WAIT_SECONDS = 25

type Running = {
  device: Device
  signal: AbortSignal
  notify(notice: RunNotice): void
  upkeep: Waker
  files: Waker
  events: Waker
}

function report(running: Running, error: unknown): void {
  if (running.signal.aborted) return
  const told = toAgentError(error)
  if (!(told instanceof AgentError)) throw error
  running.notify({ event: 'problem', code: told.code, detail: told.message })
}

async function onCommand(running: Running, jws: string): Promise<void> {
  const { device } = running
  const result = await handleCommand(device, jws)
  running.notify({ event: 'command', result })
  if (result.kind === 'erased') throw new ErasedSignal()
  await sendReceipts(device.ports.store, device.client)
  running.upkeep.wake()
  running.events.wake()
}

/** Unwinds every loop after an erasure; never leaves this file. */
class ErasedSignal extends Error {}

async function followStream(running: Running): Promise<'ended' | 'unsupported'> {
  const response = await running.device.client.commandStream(running.signal)
  if (!response.header('content-type')?.startsWith('text/event-stream')) return 'unsupported'
  running.notify({ event: 'connected' })
  running.upkeep.wake()
  running.events.wake()
  for await (const message of parseEventStream(response.chunks)) {
    if (message.event === 'command') await onCommand(running, message.data)
    // The list of files has changed. Fetched elsewhere: a command must not wait for it.
    if (message.event === 'files') running.files.wake()
  }
  return 'ended'
}

async function pollOnce(running: Running): Promise<void> {
  const { items } = await running.device.client.commands(POLL_WAIT_SECONDS, running.signal)
  for (const jws of items) await onCommand(running, jws)
}

/** Where a proxy or an old server does not stream, the waiting list does the same, later. */
function cannotStream(error: unknown): boolean {
  return error instanceof GatewayError && [404, 405, 406, 415, 501].includes(error.status)
}

async function commandLoop(running: Running): Promise<void> {
  const { signal, device } = running
  let attempt = 0
  let polling = false
  while (!signal.aborted) {
    try {
      if (polling) await pollOnce(running)
      else if ((await followStream(running)) === 'unsupported') polling = true
      attempt = 0
    } catch (error) {
      if (error instanceof ErasedSignal) throw error
      if (!polling && cannotStream(error)) polling = true
      report(running, error)
      attempt += 1
    }
    if (polling && attempt === 0) continue
    if (!signal.aborted) running.notify({ event: polling ? 'polling' : 'disconnected' })
    await device.ports.clock.sleep(backoffMs(attempt), signal)
  }
}

/** A lease is renewed when a quarter of it is gone, and at once under another policy. */
async function renewLease(running: Running, policyChanged: boolean, leaseMs: number): Promise<void> {
  const { lease } = running.device
  if (leaseMs > 0 && !policyChanged && lease.leftMs() > leaseMs * 0.75) return
  if (leaseMs === 0) lease.drop()
  else await unlockOnline(running.device)
}

async function upkeepOnce(running: Running): Promise<number> {
  const { device } = running
  const receiptsWaiting = await sendReceipts(device.ports.store, device.client)
  const answer = await checkIn(device)
  running.notify({ event: 'status', status: answer.status, detail: answer.problem?.detail })
  const policy = await refreshPolicy(device, answer.policyVersion)
  if (policy.changed) running.notify({ event: 'policy', version: policy.version })
  if (answer.status !== 'active' || answer.problem) {
    device.lease.drop()
    return CHECK_IN_WAITING_MS
  }
  await renewLease(running, policy.changed, await leaseMsOf(device))
  running.files.wake()
  return receiptsWaiting > 0 ? CHECK_IN_WAITING_MS : CHECK_IN_MS
}

async function leaseMsOf(device: Device): Promise<number> {
  // Where nothing is kept there is nothing to unlock: the share stays on the server.
  if (!(await keepsContent(device))) return 0
  return ((await cachedPolicy(device))?.document.devices.offlineHours ?? 0) * 3_600_000
}

async function filesLoop(running: Running): Promise<void> {
  let attempt = 0
  while (!running.signal.aborted) {
    await running.files.wait(attempt === 0 ? CHECK_IN_MS : backoffMs(attempt), running.signal)
    if (running.signal.aborted) return
    try {
      running.notify({ event: 'files', files: await refreshFiles(running.device) })
      attempt = 0
    } catch (error) {
      report(running, error)
      attempt = isTemporary(error) ? attempt + 1 : 0
    }
  }
}

async function upkeepLoop(running: Running): Promise<void> {
  let attempt = 0
  while (!running.signal.aborted) {
    let waitMs: number
    try {
      waitMs = await upkeepOnce(running)
      attempt = 0
    } catch (error) {
      report(running, error)
      attempt += 1
      waitMs = isRevoked(error) ? CHECK_IN_WAITING_MS : pauseMs(error, attempt)
    }
    await running.upkeep.wait(waitMs, running.signal)
  }
}

/** The gateway's own word where it gave one. */
function pauseMs(error: unknown, attempt: number): number {
  return Math.max(error instanceof GatewayError ? (error.retryAfterMs ?? 0) : 0, backoffMs(attempt))
}

async function eventLoop(running: Running): Promise<void> {
  const { device, signal } = running
  let attempt = 0
  while (!signal.aborted) {
    // Another process of this directory may have erased it, or queued something without telling us.
    await expectNotErased(device.ports)
    let waitMs = QUEUE_LOOK_MS
    try {
      if ((await device.queue.state()).waiting > 0) {
        const { sent } = await flushEvents(device)
        if (sent > 0) running.notify({ event: 'sent', count: sent })
      }
      attempt = 0
    } catch (error) {
      if (isSuspectedClone(error)) throw error
      report(running, error)
      attempt += 1
      waitMs = pauseMs(error, attempt)
      // A poke must not cut short what the gateway asked for.
      await device.ports.clock.sleep(waitMs, signal)
      continue
    }
    await running.events.wait(waitMs, signal)
  }
}

/** What is the same for all loops, before they are started. */
type Outer = Omit<Running, 'upkeep' | 'files'>

/** Runs the loops until the first one throws; then the others are stopped before its reason is passed on. */
async function together(running: Outer, loops: readonly ((running: Running) => Promise<void>)[]): Promise<void> {
  const stop = new AbortController()
  const signal = AbortSignal.any([running.signal, stop.signal])
  const { clock } = running.device.ports
  const [upkeep, files] = [createWaker(clock), createWaker(clock)]
  let first: { reason: unknown } | null = null
  const ended = loops.map(async (loop) => {
    try {
      await loop({ ...running, upkeep, files, signal })
    } catch (reason) {
      first ??= { reason }
      stop.abort()
    }
  })
  await Promise.all(ended)
  if (first) throw (first as { reason: unknown }).reason
}

function isSuspectedClone(error: unknown): boolean {
  return error instanceof AgentError && error.code === 'clone_suspected'
}

/** A suspected clone does nothing any more but listen: it must still be possible to lock or erase it. */
async function listenOnly(running: Outer): Promise<void> {
  const detail =
    'Another copy of this directory is in use: nothing is opened or recorded any more, only commands are obeyed.'
  running.notify({ event: 'problem', code: 'clone_suspected', detail })
  await together(running, [commandLoop])
}

async function work(running: Outer): Promise<void> {
  if ((await readStanding(running.device.ports.store))?.cloneSuspectedAt) return listenOnly(running)
  try {
    await together(running, [commandLoop, upkeepLoop, filesLoop, eventLoop])
  } catch (error) {
    if (!isSuspectedClone(error)) throw error
    await listenOnly(running)
  }
}

export type RunOptions = {
  signal: AbortSignal
  notify(notice: RunNotice): void
  /** Woken from outside when another process has queued an event. */
  events: Waker
}

/**
 * Stays connected until the signal (`stopped`) or an erasure (`erased`; the caller then settles it). Every other failure is
 * reported and tried again.
 */
export async function run(device: Device, options: RunOptions): Promise<'stopped' | 'erased'> {
  try {
    await work({ device, ...options })
    return 'stopped'
  } catch (error) {
    // Whatever a loop said when its queue or its keys were taken away: the erasure is the reason.
    if (error instanceof ErasedSignal || (await isErased(device.ports))) return 'erased'
    throw error
  }
}
