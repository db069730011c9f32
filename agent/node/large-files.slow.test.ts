import { createHash, randomFillSync } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { agent, enrollAgent, freshDirectory, spawnAgent } from '#agent/test/agent-process.ts'
import { type Gateway, startGateway } from '#agent/test/gateway.ts'

const MIB = 1024 * 1024

let gateway: Gateway
let place: Awaited<ReturnType<typeof freshDirectory>>

beforeEach(async () => {
  gateway = await startGateway()
  place = await freshDirectory(gateway)
  await enrollAgent(gateway, place)
})

afterEach(async () => {
  await gateway.stop()
  await place.remove()
})

/** The most memory that a process has had so far, by the kernel's word; null once it is gone. */
async function peakBytes(pid: number): Promise<number | null> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  const kib = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]
  return kib === undefined ? null : Number(kib) * 1024
}

/** Views a file in a process of its own: what came out, and the most memory it took. */
async function view(fileId: string): Promise<{ sha256: string; peak: number }> {
  const child = spawnAgent(['open', fileId, '--out', '-', '--dir', place.dir])
  const hash = createHash('sha256')
  let peak = 0
  const looking = setInterval(async () => {
    peak = Math.max(peak, (await peakBytes(child.pid ?? 0)) ?? 0)
  }, 20)
  child.stdout?.on('data', (chunk) => hash.update(chunk))
  child.stderr?.pipe(process.stderr)
  const [code] = await once(child, 'close')
  clearInterval(looking)
  expect(code).toBe(0)
  return { sha256: hash.digest('hex'), peak }
}

it('200 MB are fetched, kept and viewed with the memory of a small file, from the gateway and from the vault', async () => {
  const content = randomFillSync(new Uint8Array(200 * MIB))
  const small = gateway.addFile('small.bin', content.subarray(0, 9 * MIB))
  const large = gateway.addFile('large.bin', content)
  await agent('files', '--dir', place.dir)
  const sha256 = createHash('sha256').update(content).digest('hex')
  const before = await view(small)
  const [fetched, kept] = [await view(large), await view(large)]
  expect([fetched.sha256, kept.sha256]).toEqual([sha256, sha256])
  expect(gateway.state.fileReleases).toBe(2)
  expect(Math.max(fetched.peak, kept.peak) - before.peak).toBeLessThan(160 * MIB)
}, 240_000)
