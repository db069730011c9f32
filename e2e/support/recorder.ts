import net from 'node:net'
import { freePort } from '../../scripts/lib/ports.mjs'

/** Stands where a proxy that ends TLS would stand: before the console, with every byte of both directions in clear. */
export interface Recorder {
  /** Where browsers connect. */
  port: number
  /** Hands on to the console on this port from now on. */
  forwardTo(port: number): void
  /** Forgets what was heard so far. */
  start(): void
  heard(): Buffer
  close(): Promise<void>
}

export async function startRecorder(): Promise<Recorder> {
  const port = await freePort()
  const sockets = new Set<net.Socket>()
  let chunks: Buffer[] = []
  let target = 0
  const server = net.createServer((client) => {
    const upstream = net.connect(target, '127.0.0.1')
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from)
      from.on('data', (chunk: Buffer) => chunks.push(chunk))
      from.on('error', () => to.destroy())
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
      from.pipe(to)
    }
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return {
    port,
    forwardTo: (console) => {
      target = console
    },
    start: () => {
      chunks = []
    },
    heard: () => Buffer.concat(chunks),
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
