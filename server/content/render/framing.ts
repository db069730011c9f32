const LENGTH_BYTES = 4
const MAX_HEADER_BYTES = 16 * 1024

/** The child's first byte on its answering line: it is loaded and waits. */
export const READY = 1

/** The JSON of `header`, with its length before it. */
export function frame(header: unknown): Buffer {
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(LENGTH_BYTES)
  length.writeUInt32BE(json.length)
  return Buffer.concat([length, json])
}

/** The header at the start of `bytes` and where it ends; null while it is not all there. @throws Error when it is longer than a header is */
export function readFrame(bytes: Buffer): { header: unknown; end: number } | null {
  if (bytes.length < LENGTH_BYTES) return null
  const length = bytes.readUInt32BE()
  if (length > MAX_HEADER_BYTES) throw new Error(`a header of ${length} bytes`)
  const end = LENGTH_BYTES + length
  return bytes.length < end ? null : { header: JSON.parse(bytes.toString('utf8', LENGTH_BYTES, end)), end }
}
