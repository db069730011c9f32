import { cp, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { noCompanion } from '#agent/node/companion.ts'
import { createFileKeyRing } from '#agent/node/file-key-ring.ts'
import { openWorkspace } from '#agent/node/workspace.ts'
import { enrollAgent, freshDirectory } from '#agent/test/agent-process.ts'
import { type Gateway, startGateway } from '#agent/test/gateway.ts'
import { utf8Encode } from '#lib/bytes.ts'
import { handleCommand } from './commands.ts'
import { loadDevice } from './device.ts'
import { openDeviceFile } from './files.ts'
import type { AgentPorts, Store } from './ports.ts'
import { resumeErasure, settleErasure } from './wipe.ts'

const FILES = 3

let gateway: Gateway
let place: Awaited<ReturnType<typeof freshDirectory>>
let jws: string
let commandId: string

beforeAll(async () => {
  gateway = await startGateway()
  place = await freshDirectory(gateway)
  await enrollAgent(gateway, place)
  const { ports, close } = await openWorkspace(place.dir, { companion: noCompanion })
  const device = await loadDevice(ports)
  for (let i = 0; i < FILES; i++) {
    const fileId = gateway.addFile(`file ${i}`, utf8Encode(`content ${i}`))
    await openDeviceFile(device, { fileId, purpose: 'view' })
  }
  // Its receipt stays unsent: an erasure supersedes it.
  const lock = await gateway.command(gateway.device(), 'lock')
  await handleCommand(device, lock.jws)
  device.queue.close()
  await close()
  const order = await gateway.command(gateway.device(), 'wipe')
  jws = order.jws
  commandId = order.command.id
})

afterAll(async () => {
  await gateway.stop()
  await place.remove()
})

class Crash extends Error {}

/** Dies at one outside effect, before it happened or after. */
function crashing(
  ports: AgentPorts,
  at: number,
  when: 'before' | 'after',
): { ports: AgentPorts; effects: () => number } {
  let count = 0
  const guarded =
    <A extends unknown[], R>(effect: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      const here = count++
      if (here === at && when === 'before') throw new Crash()
      const result = await effect(...args)
      if (here === at) throw new Crash()
      return result
    }
  const store: Store = {
    ...ports.store,
    write: guarded(ports.store.write),
    remove: guarded(ports.store.remove),
    shred: guarded(ports.store.shred),
    shredFolder: guarded(ports.store.shredFolder),
  }
  const keys = createFileKeyRing(store)
  return { ports: { ...ports, store, keys, destroyQueue: guarded(ports.destroyQueue) }, effects: () => count }
}

/** Obeys the order in a copy of the directory and dies at one effect; gives whether it did. */
async function wipeAndDie(dir: string, at: number, when: 'before' | 'after'): Promise<boolean> {
  await cp(place.dir, dir, { recursive: true })
  const workspace = await openWorkspace(dir, { companion: noCompanion })
  const broken = crashing(workspace.ports, at, when)
  const device = await loadDevice(broken.ports)
  try {
    await handleCommand(device, jws)
    await settleErasure(broken.ports)
    return false
  } catch (error) {
    if (!(error instanceof Crash)) throw error
    return true
  } finally {
    device.queue.close()
    await workspace.close()
  }
}

/** What the next start does, with the order still waiting on the server. */
async function startAgain(dir: string): Promise<void> {
  const workspace = await openWorkspace(dir, { companion: noCompanion })
  await resumeErasure(workspace.ports)
  if ((await settleErasure(workspace.ports)) === null) {
    const device = await loadDevice(workspace.ports)
    await handleCommand(device, jws)
    await settleErasure(workspace.ports)
  }
  await workspace.close()
}

async function expectErased(dir: string): Promise<void> {
  expect((await readdir(dir)).sort()).toEqual(['ca.pem', 'keys', 'lock', 'receipts', 'tombstone.json'])
  expect(await readdir(join(dir, 'keys'))).toEqual([])
  expect(await readdir(join(dir, 'receipts'))).toEqual([`${commandId}.jws`])
  const tombstone = JSON.parse(await readFile(join(dir, 'tombstone.json'), 'utf8'))
  expect(tombstone).toMatchObject({ commandId, receipt: 'accepted', erased: { files: FILES } })
}

describe('a crash at any effect of an erasure', () => {
  it.each(['before', 'after'] as const)('%s it is finished by the next start, with the right receipt', async (when) => {
    let at = 0
    for (; ; at++) {
      const dir = join(place.root, `${when}-${at}`)
      const died = await wipeAndDie(dir, at, when)
      const device = gateway.device()
      if (died) {
        // From the moment the secret is gone the vault must never open again; before it, nothing was touched.
        await startAgain(dir)
      }
      await expectErased(dir)
      expect(device.receipts.at(-1)).toMatchObject({ commandId, result: 'erased', erased: { files: FILES } })
      if (!died) break
    }
    expect(at).toBeGreaterThan(15)
  })
})

describe('a full disk', () => {
  it('does not stop an erasure', async () => {
    const dir = join(place.root, 'full')
    await cp(place.dir, dir, { recursive: true })
    const workspace = await openWorkspace(dir, { companion: noCompanion })
    const { store } = workspace.ports
    let isFull = true
    const full: Store = {
      ...store,
      async write(name, bytes) {
        if (isFull) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
        await store.write(name, bytes)
      },
      async shredFolder(folder) {
        await store.shredFolder(folder)
        isFull = false
      },
    }
    const ports = { ...workspace.ports, store: full }
    const device = await loadDevice(ports)
    await handleCommand(device, jws)
    await settleErasure(ports)
    await expectErased(dir)
    await workspace.close()
  })
})

describe('the secret', () => {
  it('goes before the first file', async () => {
    const dir = join(place.root, 'order')
    await cp(place.dir, dir, { recursive: true })
    const workspace = await openWorkspace(dir, { companion: noCompanion })
    const effects: string[] = []
    const { store } = workspace.ports
    const noting =
      <A extends [name: string, ...rest: never[]], R>(verb: string, effect: (...args: A) => Promise<R>) =>
      async (...args: A): Promise<R> => {
        effects.push(`${verb} ${args[0]}`)
        return effect(...args)
      }
    const noted = { ...store, shred: noting('shred', store.shred), shredFolder: noting('shred', store.shredFolder) }
    const ports: AgentPorts = { ...workspace.ports, store: noted, keys: createFileKeyRing(noted) }
    await handleCommand(await loadDevice(ports), jws)
    expect(effects.slice(0, 3)).toEqual(['shred keys/secret', 'shred keys/seal.jwk', 'shred vault'])
    await workspace.close()
  })
})
