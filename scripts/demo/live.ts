// The demo's devices as they go on: each stays connected like any agent, obeys, and does something now and then.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Device } from '#agent/core/device.ts'
import { AgentError } from '#agent/core/errors.ts'
import { forwardFile, listFiles, openDeviceFile, reportScreenshot } from '#agent/core/files.ts'
import { run } from '#agent/core/run.ts'
import { createWaker } from '#agent/core/waker.ts'
import { resumeErasure, settleErasure } from '#agent/core/wipe.ts'
import { noCompanion } from '#agent/node/companion.ts'
import { openWorkspace } from '#agent/node/workspace.ts'
import { readEnv } from '#server/kernel/env.ts'
import { createLog } from '#server/kernel/log.ts'
import { anAct, pick } from './history.ts'
import { deviceDir, readNotes } from './notes.ts'
import { openSimulatedDevice, recordAct } from './simulated-device.ts'

const BETWEEN_ACTS_MS = 5_000

const log = createLog('demo')
const stop = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort())

/** Who is connected now. */
const present = new Set<{ device: Device; wake(): void }>()

async function stayConnected(dir: string): Promise<void> {
  const workspace = await openWorkspace(dir, { companion: noCompanion })
  await resumeErasure(workspace.ports)
  try {
    const { device, close } = await openSimulatedDevice(dir)
    const events = createWaker(device.ports.clock)
    const entry = { device, wake: () => events.wake() }
    present.add(entry)
    const notify = (notice: object) => log.debug({ device: device.identity.facts.name, ...notice }, 'device')
    try {
      await run(device, { signal: stop.signal, notify, events })
    } finally {
      present.delete(entry)
      await close()
    }
  } catch (error) {
    if (!(error instanceof AgentError) || error.code !== 'erased') throw error
  }
  for (let tombstone = await settleErasure(workspace.ports); tombstone?.receipt === 'waiting'; ) {
    if (stop.signal.aborted) break
    await sleep(1_000)
    tombstone = await settleErasure(workspace.ports)
  }
  await workspace.close()
}

/** One thing somebody does on some device: what the agent offers is asked of the agent, the rest is recorded. */
async function somethingHappens(): Promise<void> {
  if (present.size === 0) return
  const { device, wake } = pick([...present], Math.random)
  const files = await listFiles(device)
  if (files.length === 0) return
  const act = anAct(Math.random, pick(files, Math.random))
  const fileId = act.file.id
  if (act.action === 'file.view') await openDeviceFile(device, { fileId, purpose: 'view' })
  else if (act.action === 'screenshot.attempt') await reportScreenshot(device, { fileId })
  else if (act.action === 'file.forward') await forwardFile(device, { fileId, to: act.to ?? '' })
  else if (act.action === 'file.download') await openDeviceFile(device, { fileId, purpose: 'download' })
  else await recordAct(device, act)
  wake()
}

async function trickle(): Promise<void> {
  while (!stop.signal.aborted) {
    // Refusals belong to it: a policy that says no, a device that is blocked.
    await somethingHappens().catch((error: unknown) => log.debug({ err: error }, 'refused'))
    await sleep(BETWEEN_ACTS_MS * (0.5 + Math.random()), undefined, { signal: stop.signal }).catch(() => undefined)
  }
}

const { dataDir } = readEnv()
const notes = readNotes(dataDir)
if (!notes) throw new Error('the demo is not prepared: npm run demo')
const folders = notes.devices.filter(({ isSilent }) => !isSilent).map(({ folder }) => deviceDir(dataDir, folder))
log.info({ devices: folders.length }, 'demo devices connect')
await Promise.all([...folders.map(stayConnected), trickle()])
process.exit(0)
