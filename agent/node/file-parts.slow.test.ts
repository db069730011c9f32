import { randomBytes } from 'node:crypto'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { agent, agentJson, enrollAgent, freshDirectory } from '#agent/test/agent-process.ts'
import { type Gateway, startGateway } from '#agent/test/gateway.ts'
import { RELEASE_CHUNK_BYTES } from '#protocol/device/release.ts'

let gateway: Gateway
let place: Awaited<ReturnType<typeof freshDirectory>>
let fileId: string
let content: Uint8Array

beforeEach(async () => {
  gateway = await startGateway()
  place = await freshDirectory(gateway)
  content = new Uint8Array(randomBytes(10 * RELEASE_CHUNK_BYTES + 1_000))
  fileId = gateway.addFile('large.bin', content)
  await enrollAgent(gateway, place)
  await agent('files', '--dir', place.dir)
})

afterEach(async () => {
  await gateway.stop()
  await place.remove()
})

const out = () => join(place.root, 'out.bin')
const download = () => agentJson('open', fileId, '--out', out(), '--dir', place.dir)
const vaultNames = async () => (await readdir(join(place.dir, 'vault'))).sort()
const status = async () => (await agentJson('status', '--dir', place.dir)).vault as { files: number; bytes: number }

describe('a large file', () => {
  it('is fetched in chunks, kept in parts and counted as one file', async () => {
    expect(await download()).toMatchObject({ outcome: 'allowed', sizeBytes: content.length })
    expect((await readFile(out())).equals(content)).toBe(true)
    expect([gateway.state.fileReleases, gateway.state.chunksSent]).toEqual([1, 11])
    expect(await vaultNames()).toHaveLength(12)
    expect(await status()).toMatchObject({ files: 1 })
    expect((await status()).bytes).toBeGreaterThan(content.length)
    await download()
    expect([gateway.state.fileReleases, gateway.state.chunksSent]).toEqual([1, 11])
    for (const name of await vaultNames()) {
      const sealed = await readFile(join(place.dir, 'vault', name))
      expect(sealed.includes(Buffer.from(content.subarray(0, 64)))).toBe(false)
    }
  })

  it('that was interrupted is not handed out, and goes on where it stopped', async () => {
    gateway.state.chunksLeft = 4
    const broken = await agent('open', fileId, '--out', out(), '--dir', place.dir)
    expect(broken.code).toBe(6)
    await expect(readFile(out())).rejects.toThrow()
    expect(gateway.events(gateway.device())).toEqual([])
    expect(await vaultNames()).toHaveLength(5)
    gateway.state.chunksLeft = Number.POSITIVE_INFINITY
    await download()
    expect((await readFile(out())).equals(content)).toBe(true)
    expect(gateway.state.chunksSent).toBe(11)
    expect((await readdir(place.root)).filter((name) => name.includes('part'))).toEqual([])
  })

  it('whose parts were swapped, cut or damaged is not handed out, and is whole again the next time', async () => {
    await download()
    const path = (number: number) => join(place.dir, 'vault', `${fileId}.${number}`)
    const [first, second] = [await readFile(path(0)), await readFile(path(1))]
    await writeFile(path(0), second)
    await writeFile(path(1), first)
    const swapped = await agent('open', fileId, '--out', join(place.root, 'again.bin'), '--dir', place.dir)
    expect(swapped).toMatchObject({ code: 9, stderr: expect.stringContaining('damaged') })
    await rm(path(1), { force: true })
    await download()
    expect((await readFile(out())).equals(content)).toBe(true)
    await rm(path(10))
    await download()
    expect(gateway.state.chunksSent).toBeLessThanOrEqual(11 + 11 + 1)
  })

  it('that the server lists no more leaves the vault with all its parts', async () => {
    const kept = gateway.addFile('small.txt', new TextEncoder().encode('small'))
    await agent('open', kept, '--out', '-', '--dir', place.dir)
    await download()
    expect(await status()).toMatchObject({ files: 2 })
    gateway.state.files.delete(fileId)
    await agent('sync', '--dir', place.dir)
    expect(await vaultNames()).toEqual([kept])
  })

  it('is one file of a receipt', async () => {
    await download()
    const { bytes } = await status()
    await gateway.command(gateway.device(), 'wipe')
    await agent('sync', '--dir', place.dir)
    expect(gateway.device().receipts).toMatchObject([{ result: 'erased', erased: { files: 1, bytes } }])
    await expect(readdir(join(place.dir, 'vault'))).rejects.toThrow()
  })

  it('is viewed on standard output', async () => {
    const text = 'line of a large text\n'.repeat(500_000)
    const id = gateway.addFile('large.txt', new TextEncoder().encode(text))
    await agent('files', '--dir', place.dir)
    const { code, stdout } = await agent('open', id, '--out', '-', '--dir', place.dir)
    expect([code, stdout === text]).toEqual([0, true])
  })
})
