import ipaddr from 'ipaddr.js'

/** A network, as ipaddr.js parses it: its first address and the number of leading bits. */
export type Cidr = readonly [ipaddr.IPv4 | ipaddr.IPv6, number]

/** What a request says about where it comes from: the peer's address and the headers a proxy adds. */
export interface Forwarding {
  /** Address of the TCP peer. */
  peer: string | undefined
  forwardedFor?: string | undefined
  forwardedProto?: string | undefined
  forwardedHost?: string | undefined
}

/** Where a request really comes from; `proto` and `host` only when a trusted proxy stated them. */
export interface Origin {
  address: string
  proto?: string
  host?: string
  /** Whether the peer is a trusted proxy. */
  viaProxy: boolean
}

/**
 * Parses one network in CIDR notation or a single address.
 * @throws Error when the text is neither
 */
export function parseCidr(text: string): Cidr {
  if (text.includes('/')) return ipaddr.parseCIDR(text)
  const address = ipaddr.parse(text)
  return [address, address.kind() === 'ipv4' ? 32 : 128]
}

/** An address in its shortest form, IPv4 where it is IPv4 mapped into IPv6; undefined when it is no address. */
export function normalizeAddress(text: string | undefined): string | undefined {
  const bare = text
    ?.trim()
    .replace(/^\[(.*)\](?::\d+)?$/, '$1')
    .replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1')
  // Only the four-part form: ipaddr.js also reads "1" and octal numbers, which no proxy writes.
  if (!bare || !(ipaddr.IPv4.isValidFourPartDecimal(bare) || bare.includes(':')) || !ipaddr.isValid(bare))
    return undefined
  return ipaddr.process(bare).toString()
}

/** Whether an address lies in one of the networks. */
export function isWithin(address: string | undefined, networks: readonly Cidr[]): boolean {
  const normal = normalizeAddress(address)
  if (!normal) return false
  const parsed = ipaddr.parse(normal)
  return networks.some(([network, bits]) => parsed.kind() === network.kind() && parsed.match(network, bits))
}

/** Whether an address is this machine's loopback. */
export function isLoopback(address: string | undefined): boolean {
  const normal = normalizeAddress(address)
  return normal !== undefined && ipaddr.parse(normal).range() === 'loopback'
}

/**
 * Follows `X-Forwarded-For` from the right for as long as who wrote the entry is trusted: the first address that no
 * trusted proxy vouches for is the client's. From an untrusted peer every forwarded value is ignored.
 */
export function resolveOrigin(forwarding: Forwarding, trusted: readonly Cidr[]): Origin {
  const peer = normalizeAddress(forwarding.peer) ?? '0.0.0.0'
  if (!isWithin(peer, trusted)) return { address: peer, viaProxy: false }
  let address = peer
  for (const hop of (forwarding.forwardedFor ?? '').split(',').reverse()) {
    const next = normalizeAddress(hop)
    if (!next) break
    address = next
    if (!isWithin(next, trusted)) break
  }
  return {
    address,
    viaProxy: true,
    ...lastOf('proto', forwarding.forwardedProto),
    ...lastOf('host', forwarding.forwardedHost),
  }
}

/** The entry the nearest proxy wrote; what stands before it came from further out. */
function lastOf<K extends string>(key: K, list: string | undefined): Partial<Record<K, string>> {
  const last = list?.split(',').at(-1)?.trim().toLowerCase()
  return last ? ({ [key]: last } as Record<K, string>) : {}
}
