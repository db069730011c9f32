import { randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Device } from '#agent/core/device.ts'
import { enroll } from '#agent/core/enroll.ts'
import { AgentError } from '#agent/core/errors.ts'
import { flushEvents } from '#agent/core/events.ts'
import { type ActResult, forwardFile, listFiles, openDeviceFile, reportScreenshot } from '#agent/core/files.ts'
import { fetchPolicy } from '#agent/core/policy.ts'
import { syncOnce } from '#agent/core/sync.ts'
import { erasedError, readTombstone } from '#agent/core/tombstone.ts'
import { resumeErasure, settleErasure } from '#agent/core/wipe.ts'
import { createCompanion } from './companion.ts'
import { type FactOptions, factsFrom, givenFacts } from './facts.ts'
import { type OutputOptions, print } from './output.ts'
import { openDevice, openWorkspace, prepareWorkspace, type Workspace } from './workspace.ts'

/** A host app waits for its act to be recorded, not for the network. */
const DELIVERY_MS = 3_000

export type DirOptions = OutputOptions & { dir: string }

/** Opens a directory for one piece of work and closes it again. */
async function within<T>(options: DirOptions, work: (workspace: Workspace) => Promise<T>): Promise<T> {
  const workspace = await openWorkspace(options.dir)
  try {
    return await work(workspace)
  } finally {
    await workspace.close()
  }
}

async function withDevice<T>(options: DirOptions, work: (device: Device) => Promise<T>): Promise<T> {
  return within(options, async (workspace) => {
    const device = await openDevice(workspace)
    try {
      return await work(device)
    } finally {
      device.lease.drop()
      device.queue.close()
    }
  })
}

/** A bare https origin, or `usage`. */
function gatewayOrigin(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url?.protocol !== 'https:' || url.username || url.search || url.hash || url.pathname !== '/') {
    throw new AgentError('usage', `--gateway must be an https:// address without a path, got ${JSON.stringify(text)}.`)
  }
  return url.origin
}

export type EnrollCommandOptions = DirOptions & FactOptions & { gateway: string; code: string; ca?: string }

export async function enrollCommand(options: EnrollCommandOptions): Promise<void> {
  const gatewayUrl = gatewayOrigin(options.gateway)
  const facts = factsFrom(options)
  const tombstone = await within(options, (workspace) => readTombstone(workspace.ports.store))
  if (tombstone) throw erasedError(tombstone.erasedAt)
  const workspace = await prepareWorkspace(options.dir, options.ca)
  try {
    const { deviceId, status } = await enroll(workspace.ports, {
      gatewayUrl,
      code: options.code,
      facts,
      givenFacts: givenFacts(options),
    })
    const device = await openDevice(workspace)
    // Enrolled is enrolled: the first check-in brings the policy where this does not.
    await fetchPolicy(device).catch(() => null)
    device.queue.close()
    print(options, { deviceId, status }, [
      `Enrolled as ${deviceId} (${status}).`,
      `To stay connected: gatehouse-agent run --dir ${options.dir}`,
    ])
  } finally {
    await workspace.close()
  }
}

/** Delivers what an erasure still owes; throws `erased` where there was one. */
async function settleFirst(workspace: Workspace): Promise<void> {
  await resumeErasure(workspace.ports)
  const tombstone = await settleErasure(workspace.ports)
  if (tombstone) throw erasedError(tombstone.erasedAt)
}

export async function syncCommand(options: DirOptions & { appVersion?: string }): Promise<void> {
  await within(options, async (workspace) => {
    await settleFirst(workspace)
    const device = await openDevice(workspace, options)
    try {
      const result = await syncOnce(device)
      if (result.status === 'wiped') {
        const tombstone = await settleErasure(workspace.ports)
        print(options, { ...result, tombstone }, [`This device was erased on ${tombstone?.erasedAt}.`])
        return
      }
      const { status, policyVersion, events, problem } = result
      const line = `Status ${status}, policy version ${policyVersion}, ${events.sent} event(s) sent.`
      print(options, result, problem ? [line, problem.detail] : [line])
    } finally {
      device.queue.close()
    }
  })
}

export async function filesCommand(options: DirOptions): Promise<void> {
  const items = await withDevice(options, listFiles)
  const lines = items.map((file) => `${file.id}  ${file.sizeBytes}  ${file.name}  ${file.labels.join(',')}`.trimEnd())
  print(options, { items }, lines.length > 0 ? lines : ['No files for this device.'])
}

/** Lets the running agent send what was just recorded, or sends it here; a failure leaves it queued. */
async function deliver(device: Device, directory: string): Promise<void> {
  const companion = createCompanion(directory)
  if (await companion.isRunning()) return companion.poke()
  try {
    await flushEvents(device, AbortSignal.timeout(DELIVERY_MS))
  } catch (error) {
    if (error instanceof AgentError && error.code === 'clone_suspected') throw error
  }
}

/** Runs an act that records an event, and delivers the event whether the act was allowed or denied. */
async function delivering<T>(device: Device, options: DirOptions, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } finally {
    await deliver(device, options.dir)
  }
}

async function acting<T>(options: DirOptions, act: (device: Device) => Promise<T>): Promise<T> {
  return withDevice(options, (device) => delivering(device, options, () => act(device)))
}

function actLine(what: string, result: Omit<ActResult, 'seq'>): string {
  return `${what}: ${result.outcome}, ${result.enforcement} (${result.rule}, version ${result.policyVersion ?? 'none'}).`
}

export async function openCommand(
  fileId: string,
  options: DirOptions & { out: string; reason?: string },
): Promise<void> {
  const toStdout = options.out === '-'
  const path = resolve(options.out)
  await withDevice(options, async (device) => {
    const wanted = { fileId, purpose: toStdout ? ('view' as const) : ('download' as const), reason: options.reason }
    const opened = await delivering(device, options, () => openDeviceFile(device, wanted))
    const { chunks, sizeBytes, ...result } = opened
    if (toStdout) return pipeline(chunks, process.stdout, { end: false })
    await save(path, chunks)
    print(options, { ...result, path, sizeBytes }, [actLine('file.download', result)])
  })
}

/** Under its name stands the whole file or none. */
async function save(path: string, chunks: () => AsyncIterable<Uint8Array>): Promise<void> {
  const unfinished = `${path}.${randomBytes(4).toString('hex')}.part`
  try {
    await pipeline(chunks, createWriteStream(unfinished, { flags: 'wx', mode: 0o600 }))
    await rename(unfinished, path)
  } catch (error) {
    await rm(unfinished, { force: true })
    throw error
  }
}

export async function forwardCommand(
  fileId: string,
  options: DirOptions & { to: string; reason?: string },
): Promise<void> {
  const result = await acting(options, (device) =>
    forwardFile(device, { fileId, to: options.to, reason: options.reason }),
  )
  const line = actLine('file.forward', result)
  print(options, result, [result.fileId ? `${line} Copy ${result.fileId} for ${result.to}.` : line])
}

export async function screenshotCommand(options: DirOptions & { file: string }): Promise<void> {
  const result = await acting(options, (device) => reportScreenshot(device, { fileId: options.file }))
  print(options, result, [actLine('screenshot.attempt', result)])
}
