import { once } from 'node:events'
import { type AddressInfo, createServer, connect as open, type Server, type Socket } from 'node:net'

/** One question and its answer on a connection to PostgreSQL: a statement with its parameters, or several statements. */
export type RoundTrip = {
  /** What was sent, the protocol's own bytes included; of a statement that was prepared before, its text, too. */
  text: string
  /** Its place in its transaction, 0 is what begins it. */
  place: number
  /** The same object for all round trips of one connection. */
  connection: object
}

/** Where the line breaks: before PostgreSQL hears the question, or when it has done it and the answer is on its way. */
export type Break = 'before' | 'after'

/**
 * A line between a process and PostgreSQL that can be broken at any round trip: so each statement of a transaction fails both
 * ways, not done, and done but unreported. Speaks no TLS: for the loopback alone.
 */
export class Wire {
  /** Asked at each round trip whether to break there. `before` or `after` breaks this one connection. */
  onRoundTrip: ((trip: RoundTrip) => Break | undefined) | null = null
  /** Called when a connection was broken as asked, before either side learns of it. */
  onBroken: ((trip: RoundTrip) => void) | null = null
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(target: number) {
    this.#server = createServer((client) => this.#join(client, target))
  }

  /** Opens a line to the PostgreSQL on `target` of the loopback. */
  static async open(target: number): Promise<Wire> {
    const wire = new Wire(target)
    wire.#server.listen(0, '127.0.0.1')
    await once(wire.#server, 'listening')
    return wire
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** A connection URL that goes through here. */
  through(url: string): string {
    const through = new URL(url)
    through.port = String(this.port)
    return through.href
  }

  async close(): Promise<void> {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await once(this.#server, 'close')
  }

  #join(client: Socket, target: number): void {
    const server = open(target, '127.0.0.1')
    const line: Line = { client, server, asked: [], place: 0, breaking: null, prepared: new Map() }
    const questions = new Messages({ startsBare: true })
    const answers = new Messages({ startsBare: false })
    for (const socket of [client, server]) {
      this.#sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('close', () => {
        this.#sockets.delete(socket)
        client.destroy()
        server.destroy()
      })
    }
    client.on('data', (bytes) => {
      for (const message of questions.take(bytes)) this.#ask(line, message)
    })
    server.on('data', (bytes) => {
      for (const message of answers.take(bytes)) this.#answer(line, message)
    })
  }

  #ask(line: Line, message: Message): void {
    line.asked.push(message.bytes)
    if (message.type === 'P') prepare(line, message.bytes)
    // A question ends with Query or Sync; what comes before it (Parse, Bind …) waits for it, signing in does not.
    if (WAITING.has(message.type)) return
    if (message.type === 'Q' || message.type === 'S') {
      const text = Buffer.concat(line.asked).toString('latin1') + preparedTexts(line)
      const trip = { text, place: line.place++, connection: line }
      const where = line.breaking ? undefined : this.onRoundTrip?.(trip)
      if (where) line.breaking = trip
      if (where === 'before') {
        this.#break(line)
        return
      }
    }
    for (const bytes of line.asked.splice(0)) line.server.write(bytes)
  }

  #answer(line: Line, { type, bytes }: Message): void {
    const isEnd = type === 'Z'
    if (line.breaking) {
      if (isEnd) this.#break(line)
      return
    }
    // ReadyForQuery says whether a transaction is open.
    if (isEnd && bytes[5] === IDLE) line.place = 0
    line.client.write(bytes)
  }

  /** Once: what else is on the line, another answer in the same packet, is heard by nobody. */
  #break(line: Line): void {
    if (line.client.destroyed) return
    if (line.breaking) this.onBroken?.(line.breaking)
    line.client.destroy()
    line.server.destroy()
  }
}

type Line = {
  client: Socket
  server: Socket
  asked: Buffer[]
  place: number
  breaking: RoundTrip | null
  /** Texts of statements by their names. */
  prepared: Map<string, string>
}

/** Parse: the statement's name and its text. */
function prepare(line: Line, bytes: Buffer): void {
  const [name = '', text = ''] = bytes.toString('latin1', 5).split('\0', 2)
  line.prepared.set(name, text)
}

/** Bind: the portal's name and the statement's. */
function preparedTexts({ asked, prepared }: Line): string {
  const names = asked.filter((bytes) => bytes[0] === BIND).map((bytes) => bytes.toString('latin1', 5).split('\0', 2)[1])
  return names.map((name) => prepared.get(name ?? '') ?? '').join(' ')
}

const BIND = 'B'.charCodeAt(0)

/** Parse, Bind, Describe, Execute, Close, Flush. */
const WAITING: ReadonlySet<string> = new Set('PBDECH')
const IDLE = 'I'.charCodeAt(0)

type Message = { type: string; bytes: Buffer }

/** Cuts a stream into messages: a type, the length of what follows (itself included), and that. */
class Messages {
  #rest = Buffer.alloc(0)
  #isBare: boolean

  /** The first message of a client has no type. */
  constructor({ startsBare }: { startsBare: boolean }) {
    this.#isBare = startsBare
  }

  *take(more: Buffer): Generator<Message> {
    this.#rest = Buffer.concat([this.#rest, more])
    for (;;) {
      const head = this.#isBare ? 0 : 1
      if (this.#rest.length < head + 4) return
      const end = head + this.#rest.readUInt32BE(head)
      if (this.#rest.length < end) return
      const bytes = this.#rest.subarray(0, end)
      this.#rest = this.#rest.subarray(end)
      const type = head === 0 ? '' : String.fromCharCode(bytes[0] ?? 0)
      this.#isBare = false
      yield { type, bytes }
    }
  }
}
