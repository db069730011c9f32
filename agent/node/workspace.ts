import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type Device, loadDevice } from '#agent/core/device.ts'
import { AgentError } from '#agent/core/errors.ts'
import { NAMES, writeJson } from '#agent/core/identity.ts'
import type { AgentPorts, Companion } from '#agent/core/ports.ts'
import { systemClock } from '#agent/core/system-clock.ts'
import { resumeErasure } from '#agent/core/wipe.ts'
import { createCompanion } from './companion.ts'
import { currentFacts } from './facts.ts'
import { createFileKeyRing } from './file-key-ring.ts'
import { createFsStore, prepareDirectory } from './fs-store.ts'
import { destroySqliteQueue, openSqliteQueue } from './sqlite-queue.ts'
import { createUndiciTransport } from './undici-transport.ts'

const CA_NAME = 'ca.pem'

/** One directory with everything the core asks for. */
export type Workspace = { directory: string; ports: AgentPorts; close(): Promise<void> }

async function pinnedCa(directory: string): Promise<string | null> {
  try {
    return await readFile(resolve(directory, CA_NAME), 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}

async function readCa(path: string): Promise<string> {
  let pem: string
  try {
    pem = await readFile(path, 'utf8')
  } catch (cause) {
    throw new AgentError('usage', `--ca: ${path} cannot be read.`, { cause })
  }
  if (!pem.includes('-----BEGIN CERTIFICATE-----'))
    throw new AgentError('usage', `--ca: ${path} is not a PEM certificate.`)
  return pem
}

/** Opens a directory. With `caFile` the certificates in it are pinned: nothing else is trusted from then on. */
export async function openWorkspace(
  dir: string,
  options: { caFile?: string | undefined; companion?: Companion } = {},
): Promise<Workspace> {
  const directory = resolve(dir)
  const ca = options.caFile === undefined ? await pinnedCa(directory) : await readCa(options.caFile)
  const transport = createUndiciTransport({ ca })
  const store = createFsStore(directory)
  const ports: AgentPorts = {
    store,
    keys: createFileKeyRing(store),
    clock: systemClock,
    transport,
    companion: options.companion ?? createCompanion(directory),
    openQueue: (cipher) => openSqliteQueue(directory, cipher),
    destroyQueue: () => destroySqliteQueue(directory),
    forget: async () => undefined,
  }
  return { directory, ports, close: () => transport.close() }
}

/** Prepares a directory for an enrolment and pins the certificates it will trust. */
export async function prepareWorkspace(dir: string, caFile: string | undefined): Promise<Workspace> {
  const pem = caFile === undefined ? null : await readCa(caFile)
  const directory = resolve(dir)
  await prepareDirectory(directory)
  if (pem !== null) await createFsStore(directory).write(CA_NAME, new TextEncoder().encode(pem))
  return openWorkspace(directory)
}

/** Remembers the app version that a newer host app gives; the other facts follow the machine by themselves. */
async function withCurrentFacts(device: Device, appVersion: string | undefined): Promise<Device> {
  const { facts, givenFacts } = device.identity
  const identity = { ...device.identity, facts: currentFacts(facts, givenFacts, appVersion) }
  if (appVersion === undefined || appVersion === facts.appVersion) return { ...device, identity }
  const kept = { ...identity, givenFacts: [...new Set([...givenFacts, 'appVersion'])] }
  await writeJson(device.ports.store, NAMES.identity, kept)
  return { ...device, identity: kept }
}

/** Finishes an interrupted erasure, then opens the device. */
export async function openDevice(workspace: Workspace, options: { appVersion?: string } = {}): Promise<Device> {
  await resumeErasure(workspace.ports)
  return withCurrentFacts(await loadDevice(workspace.ports), options.appVersion)
}
