import 'server-only'
import { type ChildProcess, fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { now } from '#server/kernel/clock.ts'
import { AppError } from '#server/kernel/errors.ts'
import { runtime } from '#server/kernel/runtime.ts'
import { type EngineAnswer, type EngineCell, type EngineRequest, type EngineValue, ROOTS } from './messages.ts'

/** It takes memory: without questions for this long it ends, the next one starts another. */
const IDLE_MS = 5 * 60_000
/** One that does not end a statement within this is stuck. */
const ENDING_MS = 10_000

/** What a statement may be bound to. Whole numbers are BIGINT. */
export type { EngineCell, EngineValue } from './messages.ts'

type Question = { take: (answer: EngineAnswer) => void }

type Engine = {
  child: ChildProcess
  questions: Map<number, Question>
  idle: NodeJS.Timeout | null
}

// Next bundles may hold several copies of this module; the process has one engine.
const SLOT = Symbol.for('gatehouse.archive.engine')
const slots = globalThis as { [SLOT]?: Engine | undefined }
let lastId = 0

/** The directories of the archive: its files, copies of those kept elsewhere, and what is being worked on. */
export function archiveRoots(): { files: string; cache: string; work: string } {
  const { dataDir } = runtime()
  return { files: join(dataDir, 'archive'), cache: join(dataDir, 'archive-cache'), work: join(dataDir, 'archive-work') }
}

/**
 * The rows of a statement, in chunks of at most 2,048, read as fast as they are taken. Whoever stops reading, or whose `signal` is
 * aborted, ends the statement. @throws AppError unavailable when the engine failed
 */
export async function* engineRows(
  statement: string,
  values: readonly EngineValue[] = [],
  { signal }: { signal?: AbortSignal | undefined } = {},
): AsyncGenerator<readonly (readonly EngineCell[])[], void> {
  const engine = running()
  const id = ++lastId
  const arrived: EngineAnswer[] = []
  let wake: (() => void) | null = null
  const take = (answer: EngineAnswer) => {
    arrived.push(answer)
    wake?.()
  }
  const abort = () => take({ kind: 'failure', id, message: whyGivenUp(signal) })
  engine.questions.set(id, { take })
  let isOver = false
  try {
    rest(engine, false)
    signal?.addEventListener('abort', abort, { once: true })
    if (signal?.aborted) abort()
    tell(engine, { kind: 'ask', id, statement, values })
    for (;;) {
      const answer = arrived.shift()
      if (!answer)
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      else if (answer.kind === 'rows') {
        yield answer.rows
        tell(engine, { kind: 'more', id })
      } else {
        isOver = answer.kind === 'end'
        if (answer.kind === 'end') return
        throw failed(answer.message)
      }
    }
  } finally {
    signal?.removeEventListener('abort', abort)
    if (isOver) forget(engine, id)
    else endStatement(engine, id)
  }
}

function whyGivenUp(signal: AbortSignal | undefined): string {
  const { reason } = signal ?? {}
  return reason instanceof Error && reason.name === 'TimeoutError' ? 'it takes too long' : 'it was given up'
}

function forget(engine: Engine, id: number): void {
  engine.questions.delete(id)
  if (engine.questions.size === 0) rest(engine, true)
}

/** An engine that is stuck is killed: whoever else waits for it hears of it, and the next question gets another. */
function endStatement(engine: Engine, id: number): void {
  if (!engine.child.connected) {
    forget(engine, id)
    return
  }
  const stuck = setTimeout(() => engine.child.kill('SIGKILL'), ENDING_MS)
  stuck.unref()
  const take = ({ kind }: EngineAnswer) => {
    if (kind === 'rows') return
    clearTimeout(stuck)
    forget(engine, id)
  }
  engine.questions.set(id, { take })
  tell(engine, { kind: 'cancel', id })
}

/** Every row of a small answer. @throws AppError unavailable when the engine failed */
export async function engineAll(
  statement: string,
  values: readonly EngineValue[] = [],
  options: { signal?: AbortSignal | undefined } = {},
): Promise<readonly (readonly EngineCell[])[]> {
  const rows: (readonly EngineCell[])[] = []
  for await (const some of engineRows(statement, values, options)) rows.push(...some)
  return rows
}

/** A text as a literal of the engine's SQL: names of files cannot be parameters everywhere. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

function running(): Engine {
  slots[SLOT] ??= start()
  return slots[SLOT]
}

function start(): Engine {
  const roots = Object.values(archiveRoots())
  for (const root of roots) mkdirSync(root, { recursive: true, mode: 0o700 })
  // Made when it is needed. Two engines that write their working files into one directory write over each other's.
  const { work } = archiveRoots()
  removeForgotten(work)
  const own = join(work, `${OWN}${randomUUID()}`)
  const child = fork(/* turbopackIgnore: true */ join(process.cwd(), 'server/audit/archive/engine/main.ts'), [], {
    execArgv: ['--disable-warning=ExperimentalWarning', '--conditions=react-server'],
    // Nothing of ours: no login, no key.
    env: { [ROOTS]: JSON.stringify([...roots, own]), TZ: 'UTC', NODE_ENV: 'production' },
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const engine: Engine = { child, questions: new Map(), idle: null }
  const end = (message: string) => {
    if (slots[SLOT] === engine) slots[SLOT] = undefined
    for (const [id, { take }] of engine.questions) take({ kind: 'failure', id, message })
    engine.questions.clear()
    rmSync(own, { recursive: true, force: true })
  }
  child.on('message', (answer: EngineAnswer) => engine.questions.get(answer.id)?.take(answer))
  child.on('error', (error) => end(error.message))
  child.on('exit', (code, signal) => end(`its engine ended (${signal ?? code})`))
  // It must not keep a process alive that has nothing else to do.
  child.unref()
  child.channel?.unref()
  return engine
}

const OWN = 'engine-'
const FORGOTTEN_MS = 86_400_000

/** What engines left whose whole process was killed. */
function removeForgotten(work: string): void {
  for (const name of readdirSync(work).filter((entry) => entry.startsWith(OWN))) {
    const made = statSync(join(work, name), { throwIfNoEntry: false })
    if (made && now().getTime() - made.mtimeMs > FORGOTTEN_MS)
      rmSync(join(work, name), { recursive: true, force: true })
  }
}

function tell({ child }: Engine, request: EngineRequest): void {
  if (child.connected) child.send(request, () => {})
}

/** Counts its idle minutes, or stops counting; while it is asked, whoever asked stays alive for the answer. */
function rest(engine: Engine, isIdle: boolean): void {
  if (engine.idle) clearTimeout(engine.idle)
  engine.idle = null
  if (!isIdle) {
    engine.child.channel?.ref()
    return
  }
  engine.child.channel?.unref()
  engine.idle = setTimeout(() => {
    if (slots[SLOT] === engine) slots[SLOT] = undefined
    engine.child.disconnect()
  }, IDLE_MS)
  engine.idle.unref()
}

/** Ends the engine of this process, if there is one. */
export function endEngine(): void {
  const engine = slots[SLOT]
  slots[SLOT] = undefined
  if (engine?.idle) clearTimeout(engine.idle)
  if (engine?.child.connected) engine.child.disconnect()
}

function failed(message: string): AppError {
  const [first = message] = message.split('\n')
  return new AppError('unavailable', {
    detail: `The archive could not be read: ${first}`,
    retryAfter: 5,
    cause: new Error(message),
  })
}
