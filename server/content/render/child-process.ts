import 'server-only'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { realpathSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { READY } from './framing.ts'

const ENTRY = fileURLToPath(new URL('./child.ts', import.meta.url))
const MODULES = fileURLToPath(new URL('../../../node_modules/', import.meta.url))

/** What the child may read: itself and the parsers. @napi-rs/canvas, which pdf.js would load, is left out on purpose. */
const READABLE = [
  ...['pdfjs-dist', 'sharp', '@img', 'detect-libc', 'semver'],
  ...['markdown-it', 'mdurl', 'uc.micro', 'linkify-it', 'entities', 'punycode.js'],
].map((name) => `${MODULES}${name}`)

const HEAP_MB = 256
const READY_WITHIN_MS = 30_000
const KEPT_COMPLAINT = 4_096

/** A child that has not seen any file yet. */
export type Child = {
  process: ChildProcess
  /** Rejects when it does not come up. */
  ready: Promise<void>
  /** Resolves when it is gone and everything it said was heard. */
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

const OFF_THE_NETWORK = ['/usr/bin/unshare', '--map-root-user', '--net', '--']
let wrapper: readonly string[] | undefined

/** Linux starts it in a network of its own in which there is nobody, where the system lets us. The child takes JavaScript's own network away in any case. */
export function networkWrapper(): readonly string[] {
  const [command = '', ...args] = OFF_THE_NETWORK
  wrapper ??= spawnSync(command, [...args, '/bin/true'], { timeout: 5_000 }).status === 0 ? OFF_THE_NETWORK : []
  return wrapper
}

/** Starts a parser. It has no environment, no network, writes nothing, and dies when we do. */
export function startChild(entry: string = ENTRY): Child {
  const [command = process.execPath, ...args] = [...networkWrapper(), process.execPath, ...flags(entry), entry]
  const child = spawn(command, args, {
    cwd: dirname(entry),
    // Two arenas: what a decoder frees goes back instead of being kept per thread.
    env: { NODE_ENV: 'production', MALLOC_ARENA_MAX: '2', VIPS_BLOCK_UNTRUSTED: '1' },
    stdio: ['pipe', 'ignore', 'pipe', 'pipe'],
    windowsHide: true,
  })
  offerToTheSystem(child.pid)
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }))
    // It was not started at all: `close` need not come.
    child.once('error', () => resolve({ code: null, signal: null }))
  })
  // A child that ends while it is fed closes its end: `ended` tells.
  child.stdin?.on('error', () => {})
  return { process: child, ready: becomeReady(child, ended), ended }
}

/** When Linux runs out of memory it takes this process and no other: a file that is too much ends its parser, and is then refused. */
function offerToTheSystem(pid: number | undefined): void {
  if (process.platform !== 'linux' || pid === undefined) return
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, '1000')
  } catch {
    // It is gone, or /proc is not there: our own limit is looked at in any case.
  }
}

function flags(entry: string): string[] {
  const readable = new Set([dirname(entry), dirname(ENTRY), ...READABLE].flatMap((path) => [path, realpath(path)]))
  return [
    '--permission',
    ...[...readable].map((path) => `--allow-fs-read=${path}`),
    // libvips is an addon, the look for an orphan a thread.
    '--allow-addons',
    '--allow-worker',
    '--disallow-code-generation-from-strings',
    `--max-old-space-size=${HEAP_MB}`,
    '--no-warnings',
  ]
}

function realpath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}

async function becomeReady(child: ChildProcess, ended: Child['ended']): Promise<void> {
  let complaint = ''
  // What it says before it has seen a file is about itself and may be logged; later it would be about the content.
  const listen = (chunk: Buffer) => {
    if (complaint.length < KEPT_COMPLAINT) complaint += chunk.toString()
  }
  child.stderr?.on('data', listen)
  const limit = setTimeout(() => child.kill('SIGKILL'), READY_WITHIN_MS)
  try {
    await Promise.race([
      firstByte(child),
      ended.then(({ code, signal }) => {
        throw new Error(`the parser did not start (${signal ?? code}): ${complaint.slice(0, KEPT_COMPLAINT)}`)
      }),
    ])
  } finally {
    clearTimeout(limit)
    child.stderr?.off('data', listen)
    child.stderr?.resume()
  }
}

function firstByte(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    answers(child).once('readable', () => {
      if (answers(child).read(1)?.[0] === READY) resolve()
    })
  })
}

/** The line on which it answers. */
export function answers(child: ChildProcess): Readable {
  const line = child.stdio[3]
  if (line instanceof Readable) return line
  throw new Error('the parser has no line to answer on')
}

/** While it waits for a file nothing has to wait for it. */
export function setWaiting({ process: child }: Child, isWaiting: boolean): void {
  const parts = [child, child.stdin, child.stderr, child.stdio[3]] as (Partial<
    Record<'ref' | 'unref', () => void>
  > | null)[]
  for (const part of parts) part?.[isWaiting ? 'unref' : 'ref']?.()
}
