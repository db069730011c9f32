import type { Socket } from 'node:net'
import type { Server } from 'node:tls'
import { type Cidr, isLoopback, isWithin } from '#lib/client-address.ts'
import { parseProxyHeader } from './proxy-protocol.ts'

const HEADER_TIMEOUT_MS = 5_000
/** First byte of a TLS handshake record. */
const TLS_HANDSHAKE = 0x16

type Endpoints = { remoteAddress?: string | undefined; remotePort?: number | undefined }

/** Tells the client's address of a connection: the proxy's word where one stands in front, else undefined. */
export type ProxiedAddress = (socket: Endpoints) => string | undefined

/**
 * Puts a door before TLS: a trusted proxy must begin with a PROXY v2 header, anybody else is turned away. This machine's
 * own processes (readiness, the console's `/workspace`) may also speak TLS at once; they then count as loopback.
 */
export function requireProxyHeader(server: Server, trusted: readonly Cidr[]): ProxiedAddress {
  // The TLS socket tells its peer's address and port, and they name the connection underneath as long as it lives.
  const clients = new Map<string, string>()
  const listeners = server.listeners('connection')
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) => {
    const peer = keyOf(socket)
    const proceed = (client: string | null) => {
      if (client !== null) {
        clients.set(peer, client)
        socket.once('close', () => clients.delete(peer))
      }
      for (const listener of listeners) listener.call(server, socket)
    }
    const isTrusted = isWithin(socket.remoteAddress, trusted)
    const isLocal = isLoopback(socket.remoteAddress)
    if (!isTrusted && !isLocal) return void socket.destroy()
    awaitHeader(socket, { isTrusted, mayOmit: isLocal, proceed })
  })
  return (socket) => clients.get(keyOf(socket))
}

type Waiting = { isTrusted: boolean; mayOmit: boolean; proceed: (client: string | null) => void }

function awaitHeader(socket: Socket, { isTrusted, mayOmit, proceed }: Waiting): void {
  let seen = Buffer.alloc(0)
  const timer = setTimeout(() => socket.destroy(), HEADER_TIMEOUT_MS)
  const end = () => {
    clearTimeout(timer)
    socket.off('readable', look)
    socket.off('error', ignore)
    socket.off('close', end)
  }
  const look = () => {
    const chunk: Buffer | null = socket.read()
    if (chunk === null) return
    seen = Buffer.concat([seen, chunk])
    if (mayOmit && seen[0] === TLS_HANDSHAKE) return pass(0, null)
    const header = isTrusted ? parseProxyHeader(seen) : 'invalid'
    if (header === 'invalid') return void socket.destroy()
    if (header !== 'incomplete') pass(header.length, header.address)
  }
  const pass = (skip: number, client: string | null) => {
    end()
    if (seen.length > skip) socket.unshift(seen.subarray(skip))
    proceed(client)
  }
  // A peer that goes away before TLS is nobody's error.
  const ignore = () => {}
  socket.on('readable', look).on('error', ignore).on('close', end)
}

function keyOf({ remoteAddress, remotePort }: Endpoints): string {
  return `${remoteAddress} ${remotePort}`
}
