import { createHash } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import type { Companion } from '#agent/core/ports.ts'
import { base64urlDecode, base64urlEncode } from '#lib/bytes.ts'

// The running agent listens in its directory, which only its owner may enter: whoever can connect could read the device's
// keys anyway. One JSON line is asked, one is answered.
const ANSWER_TIMEOUT_MS = 2_000
/** Unix socket paths are cut at about 100 bytes; a longer one is reached relative to the directory. */
const MAX_SOCKET_PATH = 100

const askSchema = z.object({ op: z.enum(['share', 'poke', 'drop', 'ping']) })
const answerSchema = z.object({ share: z.string().nullish() })

type Ask = z.infer<typeof askSchema>

/** Where the running agent of a directory listens. Changes the working directory where the path would be too long. */
export function socketPath(directory: string): string {
  if (process.platform === 'win32') {
    return `\\\\.\\pipe\\gatehouse-agent-${createHash('sha256').update(directory).digest('hex').slice(0, 32)}`
  }
  const path = join(directory, 'run.sock')
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH) return path
  process.chdir(directory)
  return 'run.sock'
}

function ask(directory: string, question: Ask): Promise<z.infer<typeof answerSchema> | null> {
  return new Promise((resolve) => {
    const socket = connect(socketPath(directory))
    const end = (answer: z.infer<typeof answerSchema> | null) => {
      resolve(answer)
      socket.destroy()
    }
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => end(null))
    // Nobody listens: the usual case, and no failure.
    socket.once('error', () => end(null))
    socket.once('close', () => end(null))
    socket.once('connect', () => socket.write(`${JSON.stringify(question)}\n`))
    createInterface({ input: socket })
      .once('line', (line) => end(answerSchema.safeParse(safeJson(line)).data ?? null))
      .on('error', () => end(null))
  })
}

function safeJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}

/** Asks the running agent of this directory, if there is one. */
export function createCompanion(directory: string): Companion & { isRunning(): Promise<boolean> } {
  return {
    async share() {
      const answer = await ask(directory, { op: 'share' })
      return answer?.share ? base64urlDecode(answer.share) : null
    },
    async poke() {
      await ask(directory, { op: 'poke' })
    },
    async drop() {
      await ask(directory, { op: 'drop' })
    },
    isRunning: async () => (await ask(directory, { op: 'ping' })) !== null,
  }
}

/** The running agent has no other to ask. */
export const noCompanion: Companion = {
  share: async () => null,
  poke: async () => undefined,
  drop: async () => undefined,
}

export type CompanionDuties = { share(): Uint8Array | null; poke(): void; drop(): void }

function answer(duties: CompanionDuties, line: string): object {
  const question = askSchema.safeParse(safeJson(line))
  if (!question.success) return { error: 'not understood' }
  switch (question.data.op) {
    case 'share': {
      const share = duties.share()
      return { share: share && base64urlEncode(share) }
    }
    case 'poke':
      duties.poke()
      return { ok: true }
    case 'drop':
      duties.drop()
      return { ok: true }
    case 'ping':
      return { ok: true }
  }
}

function serve(socket: Socket, duties: CompanionDuties): void {
  socket.on('error', () => socket.destroy())
  socket.setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy())
  createInterface({ input: socket })
    .once('line', (line) => socket.end(`${JSON.stringify(answer(duties, line))}\n`))
    .on('error', () => socket.destroy())
}

/** Listens for the other processes of the directory. Call with the store held, after `isRunning` said no. */
export async function listenForCompanions(directory: string, duties: CompanionDuties): Promise<Server> {
  const path = socketPath(directory)
  // What a killed agent left behind.
  if (process.platform !== 'win32') await rm(path, { force: true })
  const server = createServer((socket) => serve(socket, duties))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, resolve)
  })
  return server
}
