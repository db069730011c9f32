import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { localCipher } from '#agent/core/cipher.ts'
import type { LocalCipher } from '#agent/core/ports.ts'
import { until } from '#agent/test/agent-process.ts'
import { destroySqliteQueue, openSqliteQueue } from './sqlite-queue.ts'

const WRITER = fileURLToPath(new URL('../test/queue-writer.ts', import.meta.url))
const KEY = 'ab'.repeat(32)

let directory: string
let cipher: LocalCipher

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gatehouse-queue-'))
  const raw = new Uint8Array(Buffer.from(KEY, 'hex'))
  cipher = localCipher(await crypto.subtle.importKey('raw', raw, 'AES-GCM', false, ['encrypt', 'decrypt']))
})

afterEach(() => rm(directory, { recursive: true, force: true }))

type Promised = { seq: number; name: string; i: number }

/** A process that appends and is killed without warning after some time; gives what it had promised by then. */
async function writeAndKill(name: string, lines: number): Promise<Promised[]> {
  const child = spawn(process.execPath, [WRITER, directory, KEY, name], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
  })
  await until(`${lines} lines of ${name}`, () => output.split('\n').length > lines)
  child.kill('SIGKILL')
  await once(child, 'close')
  // What stands after the last line break was cut off while being said.
  const whole = output.split('\n').slice(0, -1)
  return whole.map((line) => {
    const [seq, who, i] = line.split(' ')
    return { seq: Number(seq), name: String(who), i: Number(i) }
  })
}

describe('the queue', () => {
  it('numbers without a gap and loses nothing promised, over processes that are killed', async () => {
    const promised = (await Promise.all(['a', 'b', 'c'].map((name, n) => writeAndKill(name, 20 + 7 * n)))).concat(
      await Promise.all([writeAndKill('d', 10)]),
    )
    const queue = openSqliteQueue(directory, cipher)
    const held = await queue.peek({ lines: 100_000, bytes: 1e9 })
    expect(held.map((event) => event.seq)).toEqual(held.map((_event, index) => index + 1))
    const lines = new Map(held.map((event) => [event.seq, JSON.parse(event.line)]))
    for (const line of promised.flat()) expect(lines.get(line.seq)).toEqual(line)
    expect((await queue.state()).lastSeq).toBe(held.length)
    queue.close()
  })

  it('goes on counting after everything was sent', async () => {
    const first = openSqliteQueue(directory, cipher)
    for (let i = 0; i < 3; i++) await first.append((seq) => `line ${seq}`)
    await first.acknowledge(3)
    first.close()
    const second = openSqliteQueue(directory, cipher)
    expect(await second.peek({ lines: 10, bytes: 100 })).toEqual([])
    expect(await second.append((seq) => `line ${seq}`)).toBe(4)
    expect(await second.state()).toEqual({ lastSeq: 4, waiting: 1 })
    second.close()
  })

  it('keeps both limits, and hands out one line that is over them alone', async () => {
    const queue = openSqliteQueue(directory, cipher)
    for (let i = 0; i < 5; i++) await queue.append(() => 'x'.repeat(99))
    expect(await queue.peek({ lines: 2, bytes: 1e9 })).toHaveLength(2)
    expect(await queue.peek({ lines: 9, bytes: 300 })).toHaveLength(3)
    expect(await queue.peek({ lines: 9, bytes: 10 })).toHaveLength(1)
    queue.close()
  })

  it('takes no number for a line that failed', async () => {
    const queue = openSqliteQueue(directory, cipher)
    const failing = queue.append(() => {
      throw new Error('no line')
    })
    await expect(failing).rejects.toThrow('no line')
    expect(await queue.append((seq) => `line ${seq}`)).toBe(1)
    queue.close()
  })

  it('does not open under another key', async () => {
    const queue = openSqliteQueue(directory, cipher)
    await queue.append(() => 'secret')
    queue.close()
    const raw = new Uint8Array(32)
    const wrong = localCipher(await crypto.subtle.importKey('raw', raw, 'AES-GCM', false, ['encrypt', 'decrypt']))
    const other = openSqliteQueue(directory, wrong)
    await expect(other.peek({ lines: 1, bytes: 100 })).rejects.toThrow()
    other.close()
  })

  it('is gone after its destruction, twice', async () => {
    openSqliteQueue(directory, cipher).close()
    await destroySqliteQueue(directory)
    await destroySqliteQueue(directory)
  })
})
