import ipaddr from 'ipaddr.js'

const SIGNATURE = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a])
const FIXED_BYTES = 16
/** Far above what any proxy adds (addresses and a few TLVs). */
const MAX_BYTES = 4_096

/** `length` is what to drop before TLS begins; `address` is null where the proxy speaks for itself (health checks). */
export type ProxyHeader = { address: string | null; length: number }

/**
 * Reads a PROXY protocol version 2 header (haproxy proxy-protocol.txt §2.2) from the first bytes of a connection: the
 * header, `incomplete` while more bytes are needed, `invalid` when it is none.
 */
export function parseProxyHeader(bytes: Buffer): ProxyHeader | 'incomplete' | 'invalid' {
  const known = Math.min(bytes.length, SIGNATURE.length)
  if (!bytes.subarray(0, known).equals(SIGNATURE.subarray(0, known))) return 'invalid'
  if (bytes.length < FIXED_BYTES) return 'incomplete'
  const command = bytes.readUInt8(12)
  const length = FIXED_BYTES + bytes.readUInt16BE(14)
  if (command >> 4 !== 2 || (command & 15) > 1 || length > MAX_BYTES) return 'invalid'
  if (bytes.length < length) return 'incomplete'
  if ((command & 15) === 0) return { address: null, length }
  const address = sourceAddress(bytes.readUInt8(13), bytes.subarray(FIXED_BYTES, length))
  return address === undefined ? 'invalid' : { address, length }
}

/** Source address of a TCP connection; anything else (UDP, a Unix socket) is nothing that could reach us. */
function sourceAddress(family: number, body: Buffer): string | undefined {
  const addressBytes = family === 0x11 ? 4 : family === 0x21 ? 16 : 0
  // Two addresses and two ports.
  if (addressBytes === 0 || body.length < 2 * addressBytes + 4) return undefined
  const parsed = ipaddr.fromByteArray([...body.subarray(0, addressBytes)])
  return ipaddr.process(parsed.toString()).toString()
}
