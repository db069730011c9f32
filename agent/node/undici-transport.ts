import { TLSSocket } from 'node:tls'
import { Agent, buildConnector, request } from 'undici'
import { OfflineError } from '#agent/core/errors.ts'
import type { Transport, TransportRequest, TransportResponse } from '#agent/core/ports.ts'
import type { ClientTls } from '#protocol/device/messages.ts'

/** What this side sees of the connection; OpenSSL names the group only where it was an elliptic curve. */
function tlsFactsOf(socket: TLSSocket): ClientTls | null {
  const protocol = socket.getProtocol()
  if (!protocol?.startsWith('TLSv1.')) return null
  const ephemeral = socket.getEphemeralKeyInfo()
  const group = ephemeral && 'name' in ephemeral && typeof ephemeral.name === 'string' ? ephemeral.name : ''
  return { protocol, cipher: socket.getCipher().name, ...(group ? { group } : {}) }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'code' in error && typeof error.code === 'string' ? `${error.message} (${error.code})` : error.message
}

async function* arriving(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body
  } catch (cause) {
    throw new OfflineError(`the connection broke: ${reasonOf(cause)}`, { cause })
  }
}

/** HTTPS by undici. `ca` (PEM) is trusted instead of the system's certificates. */
export function createUndiciTransport(options: { ca?: string | null }): Transport & { close(): Promise<void> } {
  const trust = options.ca ? { ca: [options.ca] } : {}
  const connect = buildConnector({ ...trust, minVersion: 'TLSv1.2', timeout: 5_000 })
  let newest: ClientTls | null = null
  const agent = new Agent({
    keepAliveTimeout: 30_000,
    connect(target, callback) {
      connect(target, (error, socket) => {
        if (error) return callback(error, null)
        if (socket instanceof TLSSocket) newest = tlsFactsOf(socket)
        callback(null, socket)
      })
    },
  })

  async function send(call: TransportRequest): Promise<TransportResponse> {
    try {
      const { statusCode, headers, body } = await request(call.url, {
        dispatcher: agent,
        method: call.method,
        headers: call.headers,
        body: call.body ?? null,
        headersTimeout: call.timeoutMs,
        bodyTimeout: call.timeoutMs,
        signal: call.signal ?? null,
      })
      const header = (name: string) => {
        const value = headers[name]
        return Array.isArray(value) ? (value[0] ?? null) : (value ?? null)
      }
      return { status: statusCode, header, chunks: arriving(body) }
    } catch (cause) {
      throw new OfflineError(reasonOf(cause), { cause })
    }
  }

  return { request: send, tls: () => newest, close: () => agent.destroy() }
}
