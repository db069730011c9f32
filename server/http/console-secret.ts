import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeOnce } from '#server/kernel/write-once.ts'

/** Carries the secret on a request that the console hands on to the gateway of its machine. */
export const CONSOLE_SECRET_HEADER = 'x-gatehouse-console'
/** What the console says of the client of such a request: its address, and its TLS as `protocol cipher`. */
export const CONSOLE_CLIENT_HEADERS = { address: 'x-gatehouse-client-ip', tls: 'x-gatehouse-client-tls' } as const

/** By which a gateway knows the console of its own machine; made by whichever of them comes first, kept in the data directory. */
export function consoleSecret(dataDir: string): string {
  const file = join(dataDir, 'keys', 'console.secret')
  return read(file) ?? make(file)
}

function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return null
    throw error
  }
}

/** Of two that make it at once, both take the one that was there first. */
function make(file: string): string {
  mkdirSync(join(file, '..'), { recursive: true, mode: 0o700 })
  const secret = randomBytes(32).toString('base64url')
  writeOnce(file, secret)
  return read(file) ?? secret
}
