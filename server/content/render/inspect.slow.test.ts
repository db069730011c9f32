import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { networkWrapper, startChild } from './child-process.ts'
import { endChildren, type InspectOptions, inspect } from './inspect.ts'
import { LIMITS } from './limits.ts'
import * as corpus from './testing-corpus.ts'

const CHUNK = 1 << 20

async function* inChunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += CHUNK) yield bytes.subarray(at, at + CHUNK)
}

type Given = { as: string; named?: string }

async function verdictOf(content: Uint8Array | string, { as, named = 'file' }: Given, options?: InspectOptions) {
  const bytes = Buffer.from(content as Uint8Array)
  return inspect({ mediaType: as, name: named, sizeBytes: bytes.length }, inChunks(bytes), options)
}

const pdf = { as: 'application/pdf' }
const refused = (reason: string) => ({ state: 'refused', reason })
/** Slow files are ended sooner here than by the product: what ends them is the same. */
const impatient: InspectOptions = { limits: { ...LIMITS, wallMs: 4_000 } }

afterAll(endChildren)

describe('documents', () => {
  it('opens a PDF and counts its pages', async () => {
    expect(await verdictOf(corpus.simplePdf(), pdf)).toEqual({ state: 'ready', kind: 'pdf', pages: 1 })
    expect(await verdictOf(corpus.largePdf(3 * CHUNK), pdf)).toEqual({ state: 'ready', kind: 'pdf', pages: 20 })
  })

  it('runs nothing that stands in it', async () => {
    expect(await verdictOf(corpus.scriptedPdf(), pdf)).toEqual({ state: 'ready', kind: 'pdf', pages: 1 })
  })

  it.each([
    ['encrypted', corpus.encryptedPdf(), 'encrypted'],
    ['cut off', corpus.simplePdf().subarray(0, 60), 'malformed'],
    ['a header and nothing', '%PDF-1.7\n', 'malformed'],
    ['zeros after the header', Buffer.concat([Buffer.from('%PDF-1.7\n'), Buffer.alloc(100_000)]), 'malformed'],
    ['pages that name each other', corpus.loopingPages(), 'malformed'],
  ])('%s', async (_, bytes, reason) => {
    expect(await verdictOf(bytes, pdf)).toEqual(refused(reason))
  })

  it.each([
    ['a table of references that names itself', corpus.loopingXref()],
    ['a page tree 5,000 deep', corpus.deepPages(5_000)],
    [
      'forms that draw themselves',
      corpus.onePage(
        corpus.stream('/X Do'),
        [corpus.stream('/X Do', '/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 5 0 R>>>>')],
        '/XObject<</X 5 0 R>>',
      ),
    ],
  ])('%s: an answer, whichever', async (_, bytes) => {
    expect(['ready', 'refused']).toContain((await verdictOf(bytes, pdf, impatient)).state)
  })

  it.each([
    ['ten million operators', () => corpus.manyOperators(10_000_000)],
    ['forms drawn 12⁹ times', () => corpus.laughingForms(10)],
    ['a stream of four gigabytes', () => corpus.bombPdf(4_096)],
  ])('%s cost too much', async (_, make) => {
    expect(await verdictOf(make(), pdf, impatient)).toEqual(refused('too_costly'))
  })
})

describe('pictures', () => {
  const paint = (width: number, height: number) => sharp({ create: { width, height, channels: 3, background: '#2a6' } })

  it('are encoded anew, upright, small and without what was said about them', async () => {
    const photo = await paint(6000, 1000).withMetadata({ orientation: 6 }).jpeg().toBuffer()
    const shown = await verdictOf(photo, { as: 'image/jpeg' })
    expect(shown).toMatchObject({ state: 'ready', kind: 'image', mediaType: 'image/webp' })
    const { width, height, exif, orientation } = await sharp('body' in shown ? shown.body : undefined).metadata()
    expect({ width, height, exif, orientation }).toEqual({
      width: 683,
      height: 4096,
      exif: undefined,
      orientation: undefined,
    })
  })

  it.each(['png', 'webp', 'gif', 'avif', 'tiff'] as const)('%s', async (format) => {
    const bytes = await paint(40, 30).toFormat(format).toBuffer()
    expect(await verdictOf(bytes, { as: `image/${format}` })).toMatchObject({ state: 'ready', kind: 'image' })
    expect(await verdictOf(bytes, { as: 'application/octet-stream' })).toMatchObject({ kind: 'image' })
  })

  it.each([
    ['a PNG of 900 megapixels', corpus.bombPng(30_000, 30_000), 'image/png', 'too_large'],
    ['a GIF of four gigapixels', corpus.bombGif(), 'image/gif', 'too_large'],
    ['a PNG cut off', corpus.bombPng(100, 100).subarray(0, 45), 'image/png', 'malformed'],
    ['a TIFF that points nowhere', Buffer.from('49492a00ffffff7f', 'hex'), 'image/tiff', 'malformed'],
    ['a GIF that is a script', 'GIF89a/*\x00\x00*/=1;alert(1)//', 'image/gif', 'malformed'],
  ])('%s', async (_, bytes, as, reason) => {
    expect(await verdictOf(bytes, { as })).toEqual(refused(reason))
  })
})

describe('Markdown that was written to be slow', () => {
  it.each([
    ['brackets', '['.repeat(200_000)],
    ['stars', '*a **b '.repeat(60_000)],
    ['quotes', `${'> '.repeat(50_000)}x`],
    ['backticks', Array.from({ length: 2_000 }, (_, n) => '`'.repeat(n)).join(' ')],
    ['lists', Array.from({ length: 2_000 }, (_, n) => `${' '.repeat(n * 2)}- x`).join('\n')],
  ])('%s: an answer, whichever', async (_, written) => {
    const verdict = await verdictOf(written, { as: 'text/markdown' }, impatient)
    expect(['ready markdown', 'refused too_costly']).toContain(
      `${verdict.state} ${'kind' in verdict ? verdict.kind : verdict.reason}`,
    )
  })
})

describe('what is not opened at all', () => {
  it('what nothing here shows, what is not what it says, nothing, and what is too long', async () => {
    expect(await verdictOf(corpus.svg, { as: 'image/svg+xml' })).toEqual({ state: 'ready', kind: 'none' })
    expect(await verdictOf(corpus.html, pdf)).toEqual(refused('wrong_type'))
    expect(await verdictOf('', pdf)).toEqual(refused('empty'))
    expect(await verdictOf(Buffer.alloc(5 * CHUNK + 1, 'a'), { as: 'text/plain' })).toEqual(refused('too_large'))
  })

  it('the rest of a large file is not even read', async () => {
    let read = 0
    async function* bomb() {
      for (; read < 100; read++) yield Buffer.concat([Buffer.from('PK\x03\x04'), Buffer.alloc(CHUNK - 4)])
    }
    const declared = { mediaType: 'application/zip', name: 'x.zip', sizeBytes: 100 * CHUNK }
    expect(await inspect(declared, bomb())).toEqual({ state: 'ready', kind: 'none' })
    expect(read).toBeLessThan(20)
  })
})

describe('a child that does not behave', () => {
  let directory = ''
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'gatehouse-child-'))
  })
  afterAll(() => rmSync(directory, { recursive: true, force: true }))

  const READY = `const { writeSync } = require('node:fs'); writeSync(3, Buffer.of(1));`
  const behaving = (code: string): string => {
    const entry = join(directory, `${Math.random().toString(36).slice(2)}.cjs`)
    writeFileSync(entry, code)
    return entry
  }
  const limits = { wallMs: 1_500, memoryBytes: 200 * CHUNK, outputBytes: CHUNK }
  const under = (code: string) => verdictOf('x'.repeat(3 * CHUNK), pdf, { limits, entry: behaving(code) })

  it('one that hangs is ended in time', async () => {
    const before = performance.now()
    expect(await under(`${READY} for (;;);`)).toEqual(refused('too_costly'))
    // Far from the limit of a test: machines do other things as well.
    expect(performance.now() - before).toBeLessThan(18_000)
  })

  it('one that takes memory', async () => {
    const code = `${READY} const all = []; setInterval(() => all.push(Buffer.alloc(1 << 25, 1)), 20)`
    expect(await verdictOf('x', pdf, { limits: { ...limits, wallMs: 15_000 }, entry: behaving(code) })).toEqual(
      refused('too_costly'),
    )
  })

  it('one that takes all of its heap', async () => {
    const code = `${READY} const all = []; for (;;) all.push({ a: [all.length, 'x' + all.length] })`
    expect(
      await verdictOf('x', pdf, {
        limits: { ...LIMITS, wallMs: 15_000, memoryBytes: 4096 * CHUNK },
        entry: behaving(code),
      }),
    ).toEqual(refused('too_costly'))
  })

  it('one that answers without end', async () => {
    expect(await under(`${READY} for (;;) writeSync(3, Buffer.alloc(65536))`)).toEqual(refused('too_large'))
  })

  it.each([
    ['dies', `${READY} process.exit(1)`],
    ['says nothing', `${READY} process.exit(0)`],
    ['speaks nonsense', `${READY} writeSync(3, 'nonsense, and much of it'); process.exit(0)`],
    [
      'says what no child says',
      `${READY} const json = JSON.stringify({ state: 'ready', kind: 'image', mediaType: 'text/html', bodyBytes: 0 }); const head = Buffer.alloc(4); head.writeUInt32BE(json.length); writeSync(3, Buffer.concat([head, Buffer.from(json)])); process.exit(0)`,
    ],
  ])('one that %s', async (_, code) => {
    expect(await under(code)).toEqual(refused('malformed'))
  })

  it('one that is stopped with the server says nothing about the file', async () => {
    await expect(under(`${READY} process.kill(process.pid, 'SIGTERM'); setInterval(() => {}, 1000)`)).rejects.toThrow(
      /from outside/,
    )
  })

  it('one that does not start', async () => {
    await expect(under(`throw new Error('no such parser')`)).rejects.toThrow(/did not start[\s\S]*no such parser/)
  })

  it('may read its own files and nothing else, and reaches nobody', async () => {
    const server = createServer((connection) => connection.end()).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    // 16 for each thing that it could do; 1 for a connection, which Node cannot take away where Linux may not.
    const tries = behaving(`${READY}
      const attempts = [() => require('node:fs').readFileSync('/etc/hostname'), () => require('node:fs').writeFileSync('${directory}/out', 'x'),
        () => require('node:child_process').spawnSync('true'), () => new Function('return 1')(),
        () => { if (!Object.keys(process.env).some((name) => /DATABASE|GATEHOUSE|PATH/.test(name))) throw new Error('nothing there') }]
      let done = 0
      for (const attempt of attempts) try { attempt(); done += 16 } catch {}
      require('node:net').connect(${port}, '127.0.0.1').on('connect', () => process.exit(done + 1)).on('error', () => process.exit(done))`)
    process.env.GATEHOUSE_TEST_SECRET = 'x'
    const child = startChild(tries)
    await child.ready
    expect(await child.ended).toEqual({ code: networkWrapper().length > 0 ? 0 : 1, signal: null })
    delete process.env.GATEHOUSE_TEST_SECRET
    server.close()
  })
})

describe('the process that asks', () => {
  it('stays flat while 200 MB go through it', async () => {
    const sizeBytes = 200 * CHUNK
    const chunk = Buffer.alloc(CHUNK, 7)
    const first = Buffer.concat([corpus.simplePdf(), Buffer.alloc(CHUNK)]).subarray(0, CHUNK)
    async function* large() {
      yield first
      for (let number = 1; number < 200; number++) yield chunk
    }
    const used = () => process.memoryUsage().external + process.memoryUsage().heapUsed
    const before = used()
    let most = 0
    const look = setInterval(() => {
      most = Math.max(most, used() - before)
    }, 20)
    const verdict = await inspect({ mediaType: 'application/pdf', name: 'large', sizeBytes }, large())
    clearInterval(look)
    expect(verdict.state).toMatch(/ready|refused/)
    expect(most).toBeLessThan(130 * CHUNK)
  })

  it('serves several at once, each in a process of its own', async () => {
    const verdicts = await Promise.all(Array.from({ length: 4 }, () => verdictOf(corpus.simplePdf(), pdf)))
    expect(verdicts).toEqual(Array.from({ length: 4 }, () => ({ state: 'ready', kind: 'pdf', pages: 1 })))
  })

  it('hears of a content that cannot be read, and leaves no process behind', async () => {
    async function* broken() {
      yield corpus.simplePdf().subarray(0, 20)
      await sleep(1)
      throw new Error('the chunk does not open')
    }
    await expect(inspect({ mediaType: 'application/pdf', name: 'x', sizeBytes: 400 }, broken())).rejects.toThrow(
      'does not open',
    )
  })

  it('killed outright, takes a child with it that is deep in a file', async () => {
    const here = (file: string) => JSON.stringify(new URL(file, import.meta.url).href)
    const directory = mkdtempSync(join(tmpdir(), 'gatehouse-child-'))
    const entry = join(directory, 'busy.mjs')
    const busy = `import { writeSync } from 'node:fs'; import { Worker } from 'node:worker_threads'
      const watch = new Worker(new URL(${here('./orphan.ts')}), { workerData: process.ppid })
      watch.once('online', () => { writeSync(3, Buffer.of(1)); for (;;); })`
    writeFileSync(entry, busy)
    const code = `const { startChild } = await import(${here('./child-process.ts')})
      const child = startChild(${JSON.stringify(entry)})
      await child.ready
      console.log(child.process.pid)`
    const parent = spawn(process.execPath, ['--conditions=react-server', '--input-type=module', '--eval', code], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = (await once(parent.stdout, 'data')) as [Buffer]
    const pid = Number(line.toString())
    expect(isAlive(pid)).toBe(true)
    parent.kill('SIGKILL')
    for (let look = 0; isAlive(pid) && look < 150; look++) await sleep(100)
    expect(isAlive(pid)).toBe(false)
    rmSync(directory, { recursive: true, force: true })
  })
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  // Nobody may be there to collect what is left of it.
  const status = `/proc/${pid}/status`
  return !(existsSync(status) && /^State:\s+Z/m.test(readFileSync(status, 'latin1')))
}
