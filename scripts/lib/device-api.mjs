import fs from 'node:fs'
import https from 'node:https'
import { isIP } from 'node:net'
import path from 'node:path'
import { pipeline } from 'node:stream'
import { checkServerIdentity } from 'node:tls'
import { CONSOLE_CLIENT_HEADERS, CONSOLE_SECRET_HEADER, consoleSecret } from '../../server/http/console-secret.ts'
import { reachableHost } from './health.mjs'

/** RFC 9110 §7.6.1: these speak of one connection only. */
const HOP_BY_HOP = new Set(
  'connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding upgrade'.split(
    ' ',
  ),
)
/** A session opens no file: its cookie stays here. The rest is ours to say. */
const KEPT_BACK = /^(host|cookie|origin|referer|forwarded|x-forwarded-.*|x-real-ip|x-gatehouse-.*|sec-.*)$/
/** Longer than the pause between two heartbeats of a stream. */
const SILENCE_MS = 120_000

/**
 * The device API on the console's own origin, for `/workspace`: browsers do not trust the gateway's own CA. One fixed target,
 * the gateway of this machine; both bodies stream, nothing is kept.
 * @param {{host: string, gatewayPort: number, gatewayUrl: string, dataDir: string, tls?: {certFile: string}}} env
 */
export function createDeviceApi({ host, gatewayPort, gatewayUrl, dataDir, tls }) {
  const target = new URL(`https://${reachableHost(host)}:${gatewayPort}`)
  const trusted = tls?.certFile ?? path.join(dataDir, 'ca.pem')
  const publicHost = new URL(gatewayUrl).hostname.replace(/^\[(.*)\]$/, '$1')
  let connections
  let age = 0

  /** Made anew when the certificate we trust was replaced. */
  function agent() {
    const { mtimeMs } = fs.statSync(trusted)
    if (connections && mtimeMs === age) return connections
    age = mtimeMs
    connections = new https.Agent({
      keepAlive: true,
      ca: fs.readFileSync(trusted),
      // An operator's file ends in an intermediate, or is a leaf alone.
      allowPartialTrustChain: true,
      // An address is no server name (RFC 6066 §3); the certificate is for the gateway's public name in any case.
      servername: isIP(publicHost) ? 'localhost' : publicHost,
      checkServerIdentity: (_, certificate) => checkServerIdentity(publicHost, certificate),
    })
    return connections
  }

  function options(request, address) {
    return {
      agent: agent(),
      host: target.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: target.port,
      method: request.method,
      path: request.url,
      headers: {
        ...kept(request.headers),
        ...(isChunked(request) ? { 'transfer-encoding': 'chunked' } : {}),
        host: target.host,
        [CONSOLE_SECRET_HEADER]: consoleSecret(dataDir),
        [CONSOLE_CLIENT_HEADERS.address]: address,
        [CONSOLE_CLIENT_HEADERS.tls]: tlsOf(request.socket),
      },
    }
  }

  return {
    /** Whether a path belongs to the device API. */
    serves: (url) => /^\/device\/v1(\/|$)/.test(url ?? ''),
    forward(request, response, address) {
      try {
        handOn(request, response, options(request, address))
      } catch (error) {
        unavailable(response, error)
      }
    },
  }
}

function handOn(request, response, options) {
  const upstream = https.request(options, (answer) => {
    response.writeHead(answer.statusCode, { ...kept(answer.headers), 'x-content-type-options': 'nosniff' })
    // The first event of a stream may be minutes away: whoever waits learns now that it stands.
    response.flushHeaders()
    pipeline(answer, response, () => {})
  })
  upstream.setTimeout(SILENCE_MS, () => upstream.destroy(new Error('the gateway is silent')))
  upstream.on('error', (error) => unavailable(response, error))
  // Whoever asked has gone: so has the reason to ask.
  response.once('close', () => upstream.destroy())
  // Bytes without a frame of their own would be the next request on this connection, and its answer somebody else's.
  if (isChunked(request) || request.headers['content-length']) pipeline(request, upstream, () => {})
  else upstream.end()
}

/** Node frames the body of a GET only where it is told how. */
function isChunked({ headers }) {
  return headers['transfer-encoding'] !== undefined
}

function kept(headers) {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name) && !KEPT_BACK.test(name)))
}

function tlsOf(socket) {
  return socket.encrypted ? `${socket.getProtocol()} ${socket.getCipher()?.standardName ?? ''}` : ''
}

function unavailable(response, error) {
  if (response.destroyed) return
  if (response.headersSent) return response.destroy()
  process.stderr.write(`the gateway does not answer the console: ${error.message}\n`)
  const problem = {
    title: 'Service unavailable',
    status: 503,
    code: 'unavailable',
    detail: 'The gateway does not answer.',
  }
  response.writeHead(503, {
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
    'retry-after': '2',
  })
  response.end(JSON.stringify(problem))
}
