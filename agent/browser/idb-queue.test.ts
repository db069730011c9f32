import { describe, expect, it } from 'vitest'
import { localCipher } from '#agent/core/cipher.ts'
import type { LocalCipher } from '#agent/core/ports.ts'
import { dump, useBrowsers } from '#agent/test/browser.ts'
import { openDatabase } from './database.ts'
import { destroyIdbQueue, openIdbQueue } from './idb-queue.ts'

const { freshName } = useBrowsers(() => ({ url: '', ca: '' }))
const LIMITS = { lines: 5_000, bytes: 1_000_000 }

async function makeCipher(): Promise<LocalCipher> {
  return localCipher(await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']))
}

const lineOf = (seq: number) => JSON.stringify({ seq, secret: 'plan.pdf' })

describe('the queue of a browser', () => {
  it('numbers without a gap among several tabs at once', async () => {
    const [name, cipher] = [freshName(), await makeCipher()]
    const tabs = Array.from({ length: 4 }, () => openIdbQueue(openDatabase(name), `lock-${name}`, cipher))
    const seqs = await Promise.all(tabs.flatMap((tab) => Array.from({ length: 10 }, () => tab.append(lineOf))))
    expect(seqs.sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, n) => n + 1))
    const [queue] = tabs
    expect(await queue?.state()).toEqual({ lastSeq: 40, waiting: 40 })
    expect((await queue?.peek(LIMITS))?.map(({ line }) => line)).toEqual(seqs.map(lineOf))
  })

  it('keeps lines sealed, over the end of a tab', async () => {
    const [name, cipher] = [freshName(), await makeCipher()]
    const database = openDatabase(name)
    await openIdbQueue(database, `lock-${name}`, cipher).append(lineOf)
    database.close()
    expect(JSON.stringify((await dump(name)).events)).not.toContain('plan')
    const again = openIdbQueue(openDatabase(name), `lock-${name}`, cipher)
    expect(await again.peek(LIMITS)).toEqual([{ seq: 1, line: lineOf(1) }])
  })

  it('gives a number again that was never committed', async () => {
    const [name, cipher] = [freshName(), await makeCipher()]
    const dying: LocalCipher = {
      ...cipher,
      seal: async () => {
        throw new Error('the tab is gone')
      },
    }
    await expect(openIdbQueue(openDatabase(name), `lock-${name}`, dying).append(lineOf)).rejects.toThrow('gone')
    const queue = openIdbQueue(openDatabase(name), `lock-${name}`, cipher)
    expect(await queue.state()).toEqual({ lastSeq: 0, waiting: 0 })
    expect(await queue.append(lineOf)).toBe(1)
  })

  it('gives the oldest within the limits, and goes on counting when it is empty', async () => {
    const [name, cipher] = [freshName(), await makeCipher()]
    const queue = openIdbQueue(openDatabase(name), `lock-${name}`, cipher)
    for (let i = 0; i < 5; i++) await queue.append(() => 'x'.repeat(99))
    const numbers = async (lines: number, bytes: number) => (await queue.peek({ lines, bytes })).map(({ seq }) => seq)
    expect(await numbers(2, 1e6)).toEqual([1, 2])
    expect(await numbers(100, 250)).toEqual([1, 2])
    expect(await numbers(100, 1)).toEqual([1])
    await queue.acknowledge(5)
    expect(await queue.peek(LIMITS)).toEqual([])
    expect(await queue.append(lineOf)).toBe(6)
  })

  it('destroyed, takes nothing more from a tab that still holds it', async () => {
    const [name, cipher] = [freshName(), await makeCipher()]
    const database = openDatabase(name)
    const [one, other] = [0, 1].map(() => openIdbQueue(database, `lock-${name}`, cipher))
    await one?.append(lineOf)
    await other?.append(lineOf)
    await destroyIdbQueue(database)
    const next = openIdbQueue(database, `lock-${name}`, await makeCipher())
    expect(await next.append(lineOf)).toBe(1)
    for (const zombie of [one, other]) {
      await expect(zombie?.append(lineOf)).rejects.toMatchObject({ code: 'erased' })
      await expect(zombie?.acknowledge(9)).rejects.toMatchObject({ code: 'erased' })
      await expect(zombie?.peek(LIMITS)).rejects.toMatchObject({ code: 'erased' })
    }
    expect(await next.state()).toEqual({ lastSeq: 1, waiting: 1 })
  })
})
