import fs from 'node:fs'
import http from 'node:http'
import https from 'node:https'

/** How often a renewed certificate is looked for. */
const LOOK_EVERY_MS = 60_000

/** Makes the console's own server speak TLS: no second hop, so streams need no care. */
export function speakTls({ certFile, keyFile }) {
  const read = () => ({ cert: fs.readFileSync(certFile), key: fs.readFileSync(keyFile), minVersion: 'TLSv1.2' })
  const age = () => Math.max(fs.statSync(certFile).mtimeMs, fs.statSync(keyFile).mtimeMs)
  http.createServer = (...args) => {
    const listener = args.find((arg) => typeof arg === 'function')
    const options = args.find((arg) => typeof arg === 'object') ?? {}
    const server = https.createServer({ ...options, ...read() }, listener)
    renew(server, read, age)
    return server
  }
}

function renew(server, read, age) {
  let seen = age()
  const timer = setInterval(() => {
    try {
      if (age() === seen) return
      server.setSecureContext(read())
      seen = age()
    } catch (error) {
      // Half-written while renewing, or unreadable: the old one serves on and the next look tries again.
      process.stderr.write(`the console's certificate could not be renewed: ${error.message}\n`)
    }
  }, LOOK_EVERY_MS)
  timer.unref()
}
