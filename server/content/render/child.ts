/**
 * The process that meets one file: reads it from its standard input, answers on descriptor 3, ends. It is started by inspect.ts with
 * Node's permission model: it reads its own modules, and writes, starts and connects to nothing. It decides nothing about itself:
 * the parent ends it when it takes too long or too much.
 */
import { writeSync } from 'node:fs'
import net from 'node:net'
import { Worker } from 'node:worker_threads'
import { frame, READY, readFrame } from './framing.ts'
import { encodeAnew } from './image.ts'
import { renderMarkdown } from './markdown.ts'
import { openPdf } from './pdf.ts'
import { routeOf, SNIFF_BYTES } from './sniff.ts'
import { readText } from './text.ts'
import { type Declared, Refused, type Verdict } from './verdict.ts'

const ANSWERS = 3

function withoutNetwork(): void {
  Object.assign(globalThis, { fetch: undefined, WebSocket: undefined, EventSource: undefined })
  net.Socket.prototype.connect = () => {
    throw new Error('there is no network here')
  }
}

/** Bytes as they come; resolves false at the end. */
type Input = { bytes: Buffer; more: () => Promise<boolean> }

function openInput(): Input {
  const chunks = process.stdin[Symbol.asyncIterator]()
  const input: Input = {
    bytes: Buffer.alloc(0),
    more: async () => {
      const { done, value } = await chunks.next()
      if (done) return false
      input.bytes = Buffer.concat([input.bytes, value as Buffer])
      return true
    },
  }
  return input
}

async function readDeclared(input: Input): Promise<Declared> {
  for (;;) {
    const read = readFrame(input.bytes)
    if (read) {
      input.bytes = input.bytes.subarray(read.end)
      return read.header as Declared
    }
    if (!(await input.more())) throw new Error('the parent went away')
  }
}

/** The rest is placed where it belongs at once: a large file is in memory one time. */
async function readAll(input: Input, sizeBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const all = new Uint8Array(sizeBytes)
  let at = 0
  do {
    all.set(input.bytes, at)
    at += input.bytes.length
    input.bytes = Buffer.alloc(0)
  } while (await input.more())
  if (at !== sizeBytes) throw new Error('the parent went away')
  return all
}

async function judge(input: Input, declared: Declared): Promise<Verdict> {
  while (input.bytes.length < Math.min(SNIFF_BYTES, declared.sizeBytes) && (await input.more()));
  const route = routeOf(input.bytes.subarray(0, SNIFF_BYTES), declared)
  if (route === 'wrong_type' || route === 'empty') return { state: 'refused', reason: route }
  if (route === 'none') return { state: 'ready', kind: 'none' }
  const bytes = await readAll(input, declared.sizeBytes)
  switch (route) {
    case 'pdf':
      return { state: 'ready', kind: 'pdf', ...(await openPdf(bytes)) }
    case 'image':
      return { state: 'ready', kind: 'image', ...(await encodeAnew(bytes)) }
    case 'text':
      return ready('text', 'text/plain; charset=utf-8', readText(bytes))
    case 'markdown':
      return ready('markdown', 'text/html; charset=utf-8', renderMarkdown(readText(bytes)))
  }
}

function ready(kind: 'text' | 'markdown', mediaType: string, text: string): Verdict {
  return { state: 'ready', kind, mediaType, body: new TextEncoder().encode(text) }
}

/** Too deep, too broken: `malformed`. What did not fit into memory: `too_costly`. */
function refusalOf(error: unknown): Verdict {
  const cause = error instanceof Refused ? (error.cause ?? error) : error
  const isTooBig =
    cause instanceof RangeError &&
    /allocation|Invalid (string|array|typed array|array buffer) length/.test(cause.message)
  if (isTooBig) return { state: 'refused', reason: 'too_costly' }
  return { state: 'refused', reason: error instanceof Refused ? error.reason : 'malformed' }
}

function answer(verdict: Verdict): void {
  const body = 'body' in verdict ? verdict.body : new Uint8Array()
  writeAll(frame({ ...verdict, body: undefined, bodyBytes: body.length }))
  writeAll(body)
}

function writeAll(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(ANSWERS, bytes, at)
}

async function main(): Promise<void> {
  withoutNetwork()
  // A parent that was killed outright leaves nobody to end us: a thread of its own looks, however busy this one is.
  new Worker(new URL('./orphan.ts', import.meta.url), { workerData: process.ppid }).unref()
  writeAll(Uint8Array.of(READY))
  const input = openInput()
  const declared = await readDeclared(input)
  answer(await judge(input, declared).catch(refusalOf))
  process.exit(0)
}

await main()
