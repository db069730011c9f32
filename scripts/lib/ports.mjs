import net from 'node:net'

/** A TCP port that was free on this address a moment ago; `preferred` when it still is. */
export async function freePort(preferred = 0, host = '127.0.0.1') {
  return (preferred && (await tryPort(preferred, host))) || (await tryPort(0, host))
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
