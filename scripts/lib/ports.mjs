import { randomInt } from 'node:crypto'
import net from 'node:net'

/**
 * Below what systems choose from for connections (Linux from 32,768 on): a port of those may be taken while whoever listens there is
 * down, even by a client that tries to reach it and is connected with itself. Browsers reach every port of these.
 */
const [LOWEST, HIGHEST] = [15_000, 32_000]
const TRIES = 50

/** A TCP port that was free on this address a moment ago; `preferred` when it still is. */
export async function freePort(preferred = 0, host = '127.0.0.1') {
  const some = Array.from({ length: TRIES }, () => randomInt(LOWEST, HIGHEST))
  for (const port of preferred ? [preferred, ...some] : some) if (await tryPort(port, host)) return port
  return tryPort(0, host)
}

/** Resolves to the port when it can be listened on, otherwise undefined. */
export function tryPort(port, host) {
  return new Promise((resolve, reject) => {
    const server = net.createServer()
    server.once('error', (error) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(undefined)
      else reject(error)
    })
    server.listen({ port, host, exclusive: true }, () => {
      const address = server.address()
      server.close(() => resolve(address.port))
    })
  })
}
