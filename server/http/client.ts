import type { Client } from '#server/identity/queries.ts'

/** Set by the console's own door, which drops whatever a client sends under this name. */
const ADDRESS_HEADER = 'x-gatehouse-client-ip'
const PATH_HEADER = 'x-gatehouse-path'
const USER_AGENT_MAX = 400

type Headers = { get(name: string): string | null }

/** Where a request comes from, as the console's door states it. */
export function clientOf(headers: Headers): Client {
  const userAgent = (headers.get('user-agent') ?? '').slice(0, USER_AGENT_MAX).replace(/[^\x20-\x7e]/g, '?')
  return { address: headers.get(ADDRESS_HEADER) ?? '', userAgent }
}

/** The path and query that the browser asked for, without what Next adds. */
export function pathOf(headers: Headers): string {
  return localPath(headers.get(PATH_HEADER)) ?? '/'
}

/** `path` when it stays on this origin, else null: what a link asks for after sign-in is never somebody else's page. */
export function localPath(path: string | null | undefined): string | null {
  if (!path?.startsWith('/') || /^\/[/\\]/.test(path) || /[\p{Cc}\\]/u.test(path) || path.length > 2_000) return null
  const url = new URL(path, 'http://console.invalid')
  // `/.//host` is resolved to `//host`, which a browser takes for another origin.
  if (url.origin !== 'http://console.invalid' || /^\/(\/|api\/)/.test(url.pathname)) return null
  url.searchParams.delete('_rsc')
  return `${url.pathname}${url.search}`
}

/**
 * Whether a state-changing request comes from our own pages: an `Origin` that is ours, or `Sec-Fetch-Site: same-origin`.
 * Neither header is a refusal too; Next alone would let such a request through.
 */
export function isSameOrigin(headers: Headers, ownOrigin: string): boolean {
  const origin = headers.get('origin')
  // A form of a page with `no-referrer` (its URL holds a token) sends `null`; the browser's own word on the site still counts.
  if (origin !== null && origin !== 'null') return origin === ownOrigin
  return headers.get('sec-fetch-site') === 'same-origin'
}
