import 'server-only'
import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { constants, zstdCompress } from 'node:zlib'
import { type BackupHeader, FORMAT, HEADER_NAME, MANIFEST_NAME, PART_BYTES, type StreamLine } from './format.ts'
import { TAR_END, tarMember } from './tar.ts'

/** Where an archive goes; resolves when more may come. */
export type Sink = (bytes: Uint8Array) => Promise<void>

const compress = promisify(zstdCompress)
// The checksum tells a flipped bit from a part that is what it was.
const LEVEL = { params: { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 } }

/** Writes an archive from its header to its manifest. Holds two parts at a time: one being gathered, one being compressed. */
export class ArchiveWriter {
  readonly #sink: Sink
  readonly #at: Date
  readonly #streams: StreamLine[] = []
  readonly #header: string
  #writing: Promise<void>

  constructor(sink: Sink, header: BackupHeader) {
    const bytes = jsonBytes(header)
    this.#sink = sink
    this.#at = new Date(header.createdAt)
    this.#header = createHash('sha256').update(bytes).digest('hex')
    this.#writing = this.#member(HEADER_NAME, bytes)
  }

  /** Adds a stream of bytes under a name. `rows` is asked at its end. */
  async add(name: string, source: AsyncIterable<Uint8Array>, rows?: () => number): Promise<StreamLine> {
    const hash = createHash('sha256')
    const line: StreamLine = { name, parts: 0, sizeBytes: 0, sha256: '' }
    for await (const part of partsOf(source)) {
      hash.update(part)
      line.parts++
      line.sizeBytes += part.length
      await this.#part(partName(name, line.parts), part)
    }
    line.sha256 = hash.digest('hex')
    if (rows) line.rows = rows()
    this.#streams.push(line)
    return line
  }

  /** Without what this writes the archive is not whole. */
  async end(): Promise<void> {
    await this.#writing
    await this.#member(MANIFEST_NAME, jsonBytes({ format: FORMAT, header: this.#header, streams: this.#streams }))
    await this.#sink(TAR_END)
  }

  async #part(name: string, part: Uint8Array): Promise<void> {
    await this.#writing
    this.#writing = compress(part, LEVEL).then((bytes) => this.#member(name, bytes))
    // Awaited before the next part; until then a failure is nobody's.
    this.#writing.catch(() => {})
  }

  #member(name: string, body: Uint8Array): Promise<void> {
    return this.#sink(tarMember(name, body, this.#at))
  }
}

export function partName(stream: string, number: number): string {
  return `${stream}/${String(number).padStart(6, '0')}.zst`
}

async function* partsOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let room = Buffer.allocUnsafe(PART_BYTES)
  let filled = 0
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; ) {
      const taken = Math.min(chunk.length - at, PART_BYTES - filled)
      room.set(chunk.subarray(at, at + taken), filled)
      filled += taken
      at += taken
      if (filled < PART_BYTES) continue
      yield room
      // The part before is still being compressed.
      room = Buffer.allocUnsafe(PART_BYTES)
      filled = 0
    }
  }
  if (filled > 0) yield room.subarray(0, filled)
}

function jsonBytes(value: unknown): Buffer {
  return Buffer.from(`${JSON.stringify(value, null, 1)}\n`)
}
