import 'server-only'
import { lookup as resolve } from 'node:dns'
import { request as httpRequest, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import ipaddr from 'ipaddr.js'
import { type Cidr, isWithin, normalizeAddress } from '#lib/client-address.ts'
import type { AnchorProblem } from './schema.ts'

/** What came back: at most `maxBytes` of it. */
export type OutsideAnswer = { status: number; type: string; body: string }

/** No answer that could be used; `problem` says why. */
export class OutsideError extends Error {
  readonly problem: AnchorProblem
  constructor(problem: AnchorProblem, message: string) {
    super(message)
    this.name = 'OutsideError'
    this.problem = problem
  }
}

type Post = { url: string; body: string; networks: readonly Cidr[]; timeoutMs: number; maxBytes: number }

/**
 * Whether a witness may be there: HTTPS, no credentials, no query; a machine of ours or of the local network only where the
 * operator named that network. A name is looked at again when it is resolved.
 */
export function isAllowedUrl(text: string, networks: readonly Cidr[]): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname, username, password, search, hash } = new URL(text)
  if (username !== '' || password !== '' || search !== '' || hash !== '') return false
  const address = hostname.replace(/^\[(.*)\]$/, '$1')
  if (protocol === 'http:') return isIP(address) > 0 ? isWithin(address, networks) : networks.length > 0
  if (protocol !== 'https:') return false
  if (isIP(address) > 0) return isAllowedAddress(address, networks)
  return networks.length > 0 || !/(^|\.)(localhost|local|internal|home\.arpa)\.?$/i.test(hostname)
}

/** A public unicast address, or one of the networks that the operator named. */
export function isAllowedAddress(address: string, networks: readonly Cidr[]): boolean {
  if (isWithin(address, networks)) return true
  const normal = normalizeAddress(address)
  return normal !== undefined && ipaddr.parse(normal).range() === 'unicast'
}

/** POSTs a text and reads a short answer. Follows no redirect; speaks to the very address that was checked. @throws OutsideError */
export function postOutside({ url, body, networks, timeoutMs, maxBytes }: Post): Promise<OutsideAnswer> {
  if (!isAllowedUrl(url, networks)) throw new OutsideError('forbidden_address', 'this address is not allowed')
  const { protocol } = new URL(url)
  const signal = AbortSignal.timeout(timeoutMs)
  const asFailure = (error: Error) =>
    signal.aborted ? new OutsideError('timeout', 'no answer in time') : asOutside(error)
  const send = protocol === 'https:' ? httpsRequest : httpRequest
  const options: RequestOptions = {
    method: 'POST',
    headers: { 'content-type': 'text/plain; charset=utf-8', 'content-length': Buffer.byteLength(body) },
    // No connection that somebody else left open: each one goes to an address that was looked at.
    agent: false,
    // Plain HTTP goes to the named networks alone, whatever a name resolves to.
    lookup: checkedLookup(networks, protocol === 'http:'),
    signal,
  }
  return new Promise((done, fail) => {
    const request = send(url, options, (response) => {
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size <= maxBytes) return chunks.push(chunk)
        fail(new OutsideError('too_large', `the answer has more than ${maxBytes} bytes`))
        response.destroy()
      })
      response.on('error', (error) => fail(asFailure(error)))
      response.once('end', () => {
        const type = response.headers['content-type'] ?? ''
        done({ status: response.statusCode ?? 0, type, body: Buffer.concat(chunks).toString() })
      })
    })
    request.on('error', (error) => fail(asFailure(error)))
    request.end(body)
  })
}

function checkedLookup(networks: readonly Cidr[], namedOnly: boolean): LookupFunction {
  return (hostname, options, answer) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return answer(error, '', 4)
      const isAllowed = ({ address }: { address: string }) =>
        namedOnly ? isWithin(address, networks) : isAllowedAddress(address, networks)
      const refused = addresses.find((each) => !isAllowed(each))
      const [first] = addresses
      // One that is not allowed among several is reason enough: who names it answers for all of them.
      if (refused || !first)
        return answer(new OutsideError('forbidden_address', `${hostname} is at an address that is not allowed`), '', 4)
      if (options.all) return answer(null, addresses)
      answer(null, first.address, first.family)
    })
  }
}

function asOutside(error: Error): OutsideError {
  if (error instanceof OutsideError) return error
  const { code } = error as { code?: unknown }
  return new OutsideError('unreachable', typeof code === 'string' ? code : error.message.slice(0, 200))
}
