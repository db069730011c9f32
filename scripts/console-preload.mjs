// Loaded before Next (`node --import`): every request passes the console's door before Next sees it. next.config.ts
// refuses to serve without it.
import diagnostics from 'node:diagnostics_channel'
import net from 'node:net'
import { readEnv } from '../server/kernel/env.ts'
import { createDoor } from './lib/console-door.mjs'
import { speakTls } from './lib/console-tls.mjs'
import { createDeviceApi } from './lib/device-api.mjs'

const GRACE_MS = 1500

const env = readEnv()
const isDev = process.env.NODE_ENV === 'development'
const door = createDoor({ ...env, isDev, deviceApi: createDeviceApi(env) })
const servers = new Set()

if (env.consoleTls) speakTls(env.consoleTls)

// Published before a server emits `request`, so the first request is guarded too.
diagnostics.subscribe('http.server.request.start', ({ server }) => {
  if (servers.has(server)) return
  servers.add(server)
  const emit = server.emit
  server.emit = function (event, ...args) {
    if (event === 'request' && !door.admit(...args)) return true
    return emit.call(this, event, ...args)
  }
})

// An upgrade is no `request` and would pass by the door. Only the development server speaks another protocol.
const { emit } = net.Server.prototype
if (!isDev) {
  net.Server.prototype.emit = function (event, ...args) {
    if (event !== 'upgrade') return emit.call(this, event, ...args)
    args[1].destroy()
    return true
  }
}

// Open event streams would hold Next's own orderly stop until the supervisor's patience ends.
process.once('SIGTERM', () => {
  setTimeout(() => {
    for (const server of servers) server.closeAllConnections()
  }, GRACE_MS).unref()
  setTimeout(() => process.exit(0), 2 * GRACE_MS).unref()
})

globalThis[Symbol.for('gatehouse.console-door')] = true
