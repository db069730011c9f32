import http from 'node:http'
import https from 'node:https'

/** Whether a URL on this machine answers 200. The certificate is ours and is not what is asked about. */
export function answers(url, timeoutMs = 2000) {
  return new Promise((resolve) => {
    const client = url.startsWith('https:') ? https : http
    const request = client.get(url, { rejectUnauthorized: false, timeout: timeoutMs, agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    request.once('timeout', () => request.destroy())
    request.once('error', () => resolve(false))
  })
}

/** An address to reach a listener on this machine by: the wildcard is no address to connect to. */
export function reachableHost(host) {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}
