import 'server-only'
import { once } from 'node:events'
import { constants, setPriority } from 'node:os'
import { z } from 'zod'
import { createLog } from '#server/kernel/log.ts'
import { answers, type Child, setWaiting, startChild } from './child-process.ts'
import { frame, readFrame } from './framing.ts'
import { LIMITS, type Limits, MAX_PAGES } from './limits.ts'
import { residentBytes } from './memory.ts'
import { type Declared, RENDITION_REFUSALS, type RenditionRefusal, type Verdict } from './verdict.ts'

const log = createLog('inspection')

const LOOK_EVERY_MS = 50

export type InspectOptions = {
  limits?: Limits
  /** Another program in the child's place: how tests see what becomes of one that hangs, grows or lies. */
  entry?: string
}

let spare: Child | undefined

/** Has a child ready for the next file; a child that waits costs about 100 MB and no time. */
export function warmUp(): void {
  if (spare) return
  const child = startChild()
  spare = child
  setWaiting(child, true)
  // The one who takes it hears why it did not start.
  child.ready.catch(() => {})
  void child.ended.then(() => {
    if (spare === child) spare = undefined
  })
}

const busy = new Set<Child>()

/** Ends the child that waits and those that parse; who waits for their answer hears that the file is not to blame. */
export async function endChildren(): Promise<void> {
  const children = spare ? [spare, ...busy] : [...busy]
  spare = undefined
  for (const child of children) {
    setWaiting(child, false)
    child.process.kill('SIGTERM')
  }
  await Promise.all(children.map(({ ended }) => ended))
}

function takeChild(): Child {
  const child = spare
  spare = undefined
  if (!child) return startChild()
  setWaiting(child, false)
  return child
}

/**
 * Parses one file in a process of its own, which ends with it. Whatever the file is, this answers; memory here stays flat but for
 * what is shown in the file's place.
 * @throws Error when no process can be started, it was ended from outside, or `content` fails: the file is not to blame, try again
 */
export async function inspect(
  declared: Declared,
  content: AsyncIterable<Uint8Array>,
  { limits = LIMITS, entry }: InspectOptions = {},
): Promise<Verdict> {
  const child = entry ? startChild(entry) : takeChild()
  busy.add(child)
  try {
    await child.ready
    // Its successor starts while it works.
    if (!entry) warmUp()
    const watch = watchOver(child, limits)
    try {
      const [answer] = await Promise.all([collect(child, limits, watch), feed(child, declared, content, watch)])
      return verdictOf(watch.killedFor(), await child.ended, answer)
    } finally {
      watch.stop()
    }
  } finally {
    child.process.kill('SIGKILL')
    await child.ended
    busy.delete(child)
  }
}

type Watch = {
  progress(): void
  kill(reason: RenditionRefusal): void
  killedFor(): RenditionRefusal | null
  stop(): void
}

/** Ends it when nothing moves for too long or it holds too much. */
function watchOver(child: Child, { wallMs, memoryBytes }: Limits): Watch {
  let killed: RenditionRefusal | null = null
  const kill = (reason: RenditionRefusal) => {
    killed ??= reason
    child.process.kill('SIGKILL')
  }
  const clock = setTimeout(() => kill('too_costly'), wallMs)
  // An honest file is done by then; whatever takes longer stands back behind everything else on this machine.
  const patience = setTimeout(() => standBack(child.process.pid), 2_000)
  const look = setInterval(async () => {
    if (child.process.pid && (await residentBytes(child.process.pid)) > memoryBytes) kill('too_costly')
  }, LOOK_EVERY_MS)
  return {
    progress: () => clock.refresh(),
    kill,
    killedFor: () => killed,
    stop: () => {
      clearTimeout(clock)
      clearTimeout(patience)
      clearInterval(look)
    },
  }
}

function standBack(pid: number | undefined): void {
  try {
    if (pid) setPriority(pid, constants.priority.PRIORITY_LOW)
  } catch {
    // It is gone, or the system does not let us.
  }
}

/** Hands the content over at the pace it is taken; a child that has decided ends before it has read all. */
async function feed(child: Child, declared: Declared, content: AsyncIterable<Uint8Array>, watch: Watch): Promise<void> {
  const { stdin } = child.process
  if (!stdin) throw new Error('the parser has no input')
  let isOver = false
  const over = child.ended.then(() => {
    isOver = true
  })
  stdin.write(frame(declared))
  for await (const chunk of content) {
    if (isOver || stdin.destroyed) return
    if (!stdin.write(chunk)) await Promise.race([once(stdin, 'drain').catch(() => {}), over])
    watch.progress()
  }
  stdin.end()
}

async function collect(child: Child, { outputBytes }: Limits, watch: Watch): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of answers(child.process)) {
    const bytes = Buffer.from(chunk as Uint8Array)
    size += bytes.length
    if (size > outputBytes) {
      watch.kill('too_large')
      break
    }
    chunks.push(bytes)
  }
  return Buffer.concat(chunks)
}

/** Somebody stops the whole server: says nothing about the file. */
const FROM_OUTSIDE: ReadonlySet<string> = new Set(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'])
/** Node out of its heap, or the system out of memory. */
const OUT_OF_MEMORY: ReadonlySet<string> = new Set(['SIGABRT', 'SIGKILL'])

function verdictOf(
  killedFor: RenditionRefusal | null,
  { code, signal }: Awaited<Child['ended']>,
  answer: Buffer,
): Verdict {
  if (killedFor) return { state: 'refused', reason: killedFor }
  if (signal && FROM_OUTSIDE.has(signal)) throw new Error(`the parser was ended from outside (${signal})`)
  if (signal && OUT_OF_MEMORY.has(signal)) return { state: 'refused', reason: 'too_costly' }
  if (code === 0) {
    const verdict = readAnswer(answer)
    if (verdict) return verdict
  }
  log.warn({ exit: signal ?? code }, 'a parser ended without an answer')
  return { state: 'refused', reason: 'malformed' }
}

const BODIES = [
  { kind: 'image', mediaTypes: ['image/png', 'image/webp'] },
  { kind: 'text', mediaTypes: ['text/plain; charset=utf-8'] },
  { kind: 'markdown', mediaTypes: ['text/html; charset=utf-8'] },
] as const

const bodyBytes = z.int().min(0)
/** A child that was taken over can lie about its file and nothing else. */
const answerSchema = z.union([
  z.strictObject({ state: z.literal('refused'), reason: z.enum(RENDITION_REFUSALS), bodyBytes }),
  z.strictObject({ state: z.literal('ready'), kind: z.literal('none'), bodyBytes }),
  z.strictObject({
    state: z.literal('ready'),
    kind: z.literal('pdf'),
    pages: z.int().min(1).max(MAX_PAGES),
    bodyBytes,
  }),
  ...BODIES.map(({ kind, mediaTypes }) =>
    z.strictObject({ state: z.literal('ready'), kind: z.literal(kind), mediaType: z.enum(mediaTypes), bodyBytes }),
  ),
])

function readAnswer(answer: Buffer): Verdict | null {
  try {
    const read = readFrame(answer)
    const { bodyBytes: length, ...verdict } = answerSchema.parse(read?.header)
    const body = new Uint8Array(answer.subarray(read?.end))
    if (body.length !== length) return null
    return 'mediaType' in verdict ? { ...verdict, body } : verdict
  } catch {
    return null
  }
}
