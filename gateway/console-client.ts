import { timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { normalizeAddress } from '#lib/client-address.ts'
import { CONSOLE_CLIENT_HEADERS, CONSOLE_SECRET_HEADER, consoleSecret } from '#server/http/console-secret.ts'
import type { ConnectionTls } from './presence.ts'

/** The client behind a request that this machine's console handed on; undefined for any other request. */
export type ConsoleClient = { address: string; tls: ConnectionTls }

/** Believes what the console says of its client, and nobody else: the secret is in the data directory they share. */
export function consoleClients(dataDir: string): (message: IncomingMessage) => ConsoleClient | undefined {
  const secret = Buffer.from(consoleSecret(dataDir))
  return ({ headers }) => {
    const given = headers[CONSOLE_SECRET_HEADER]
    if (typeof given !== 'string' || !isSame(Buffer.from(given), secret)) return undefined
    const address = normalizeAddress(textOf(headers[CONSOLE_CLIENT_HEADERS.address]))
    const [protocol = '', cipher = ''] = textOf(headers[CONSOLE_CLIENT_HEADERS.tls]).split(' ')
    return address ? { address, tls: { protocol, cipher } } : undefined
  }
}

function isSame(given: Buffer, secret: Buffer): boolean {
  return given.length === secret.length && timingSafeEqual(given, secret)
}

function textOf(header: string | string[] | undefined): string {
  return typeof header === 'string' ? header : ''
}
