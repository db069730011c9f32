import { randomBytes, timingSafeEqual } from 'node:crypto'
import { isLoopback, resolveOrigin } from '../../lib/client-address.ts'
import { frameHeaders, isFrame } from '../../viewer/headers.ts'
import { FRAME_PATH } from '../../viewer/protocol.ts'

/** The one header in which the console finds the client's address; whatever a client sends in it is dropped. */
export const CLIENT_ADDRESS_HEADER = 'x-gatehouse-client-ip'

/** Read by the probes of any load balancer, under any name. */
const PROBES = new Set(['/healthz', '/readyz'])
/**
 * Marks what has passed the door. Next copies it onto the request that it sends itself for the page an action redirects to,
 * which comes from this machine under its own address: without the mark it would be sent elsewhere, and lose its cookies.
 */
const PASSED_HEADER = 'x-gatehouse-passed'
const FORWARDING = /^(x-forwarded-.*|forwarded|x-real-ip|x-gatehouse-.*|content-security-policy)$/i

/**
 * Stands before the console: decides whether a request may go on, and leaves in it only forwarding headers of our own.
 * Next itself believes them from anybody.
 * What is for the device API goes to the gateway and never reaches Next.
 * @param {{url: string, trustedProxies: readonly object[], deviceApi?: import('./device-api.d.mts').DeviceApi}} env
 */
export function createDoor({ url, trustedProxies, isDev = false, deviceApi }) {
  const canonical = new URL(url)
  const isHttps = canonical.protocol === 'https:'
  // Nobody outside this process learns it.
  const passed = randomBytes(32).toString('base64url')

  /** The client of a request of our own is the one whose request caused it. */
  function originOf({ headers, socket }) {
    if (isPassed(headers[PASSED_HEADER], passed))
      return {
        address: headers[CLIENT_ADDRESS_HEADER],
        proto: canonical.protocol.slice(0, -1),
        host: canonical.host,
        viaProxy: false,
      }
    return resolveOrigin(
      {
        peer: socket.remoteAddress,
        forwardedFor: headers['x-forwarded-for'],
        forwardedProto: headers['x-forwarded-proto'],
        forwardedHost: headers['x-forwarded-host'],
      },
      trustedProxies,
    )
  }

  /** Undefined to go on, else the answer: `{status, text, location?}`. */
  function refusal(request, origin) {
    if (PROBES.has(request.url?.split('?')[0])) return undefined
    const isSecure = Boolean(request.socket.encrypted) || origin.proto === 'https'
    if (isHttps && !isSecure) return notSecure(request, origin)
    if (!isHttps && !isSecure && !isLoopback(origin.address)) return PLAIN_FROM_AFAR
    const host = normalHost(origin.host ?? request.headers.host)
    return host === canonical.host ? undefined : elsewhere(request, 421, `This console is at ${url}`)
  }

  /** As URLs write it: lower case, without the scheme's own port. */
  function normalHost(host) {
    const spelled = `${canonical.protocol}//${host}`
    return host && URL.canParse(spelled) ? new URL(spelled).host : undefined
  }

  function notSecure(request, origin) {
    // Sending a browser back would be an endless loop: the proxy says nothing about how it was asked.
    if (origin.viaProxy && !origin.proto)
      return { status: 400, text: 'The proxy before this console must send X-Forwarded-Proto' }
    return elsewhere(request, 403, `This console answers HTTPS only, at ${url}`)
  }

  function elsewhere({ method, url: path }, status, text) {
    if (method !== 'GET' && method !== 'HEAD') return { status, text }
    return { status: 307, text, location: path.startsWith('/') ? `${url}${path}` : url }
  }

  return {
    /** Answers the request and returns false, or prepares it for the console and returns true. */
    admit(request, response) {
      const { headers } = request
      const origin = originOf(request)
      const answer = refusal(request, origin)
      if (answer) {
        refuse(response, answer)
        return false
      }
      if (deviceApi?.serves(request.url)) {
        if (isHttps) response.setHeader('Strict-Transport-Security', 'max-age=31536000')
        deviceApi.forward(request, response, origin.address)
        return false
      }
      dropForwarding(request)
      headers.host = canonical.host
      headers['x-forwarded-host'] = canonical.host
      headers['x-forwarded-proto'] = canonical.protocol.slice(0, -1)
      headers['x-forwarded-for'] = origin.address
      headers[CLIENT_ADDRESS_HEADER] = origin.address
      headers[PASSED_HEADER] = passed
      // Server components do not learn the path by themselves; sign-in leads back to it.
      headers['x-gatehouse-path'] = request.url
      protect({ request, response, origin: canonical.origin, isHttps, isDev })
      return true
    },
  }
}

function isPassed(given, passed) {
  const [a, b] = [Buffer.from(given ?? ''), Buffer.from(passed)]
  return a.length === b.length && timingSafeEqual(a, b)
}

const PLAIN_FROM_AFAR = {
  status: 403,
  text: 'This console answers plain HTTP on its own machine only: set GATEHOUSE_URL to an https:// address with GATEHOUSE_CONSOLE_TLS_CERT and _KEY, or GATEHOUSE_TRUSTED_PROXIES',
}

function refuse(response, { status, text, location }) {
  const headers = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store', connection: 'close' }
  response.writeHead(status, location ? { ...headers, location } : headers)
  response.end(`${text}\n`)
}

function dropForwarding({ headers, rawHeaders }) {
  for (const name of Object.keys(headers)) if (FORWARDING.test(name)) delete headers[name]
  // The raw list keeps its length, which Node has counted already.
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (FORWARDING.test(rawHeaders[i])) rawHeaders.splice(i, 2, 'x-dropped', '')
  }
}

/**
 * A content security policy with a nonce of its own for every answer; Next reads the nonce from the request's copy.
 * The viewer's frame alone has another one.
 */
function protect({ request, response, origin, isHttps, isDev }) {
  if (isHttps) response.setHeader('Strict-Transport-Security', 'max-age=31536000')
  if (isFrame(request.url)) {
    for (const [name, value] of Object.entries(frameHeaders(origin))) response.setHeader(name, value)
    return
  }
  const script = `'self' 'nonce-${randomBytes(16).toString('base64')}' 'strict-dynamic'${isDev ? " 'unsafe-eval'" : ''}`
  const policy = [
    "default-src 'self'",
    `script-src ${script}`,
    // Menus and charts place themselves with style attributes, which take no nonce.
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self'",
    `connect-src 'self'${isDev ? ' ws:' : ''}`,
    // Wherever the viewer's frame were led, it could take nothing there.
    `frame-src ${origin}${FRAME_PATH}`,
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    ...(isHttps ? ['upgrade-insecure-requests'] : []),
  ].join('; ')
  request.headers['content-security-policy'] = policy
  response.setHeader('Content-Security-Policy', policy)
}
