import 'server-only'
import { createHash, type Hash } from 'node:crypto'
import { promisify } from 'node:util'
import { zstdDecompress } from 'node:zlib'
import { partName } from './archive-writer.ts'
import {
  BackupError,
  type BackupHeader,
  HEADER_NAME,
  MANIFEST_NAME,
  type Manifest,
  PART_BYTES,
  parseHeader,
  parseManifest,
  type StreamLine,
} from './format.ts'
import { type Member, readTar } from './tar.ts'

const decompress = promisify(zstdDecompress)

type Reading = StreamLine & { hash: Hash }

/** Reads an archive once, from its header to its manifest: every stream in its turn, and at the end whether all of it was whole. */
export class ArchiveReader {
  readonly #members: AsyncGenerator<Member>
  readonly #read: StreamLine[] = []
  #next: Member | undefined
  #header = ''

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#members = readTar(source)
  }

  /** @throws BackupError */
  async header(): Promise<BackupHeader> {
    const member = await this.#take()
    if (member?.name !== HEADER_NAME) throw new BackupError(`this is no backup: it does not begin with ${HEADER_NAME}`)
    this.#header = createHash('sha256').update(member.body).digest('hex')
    return parseHeader(member.body)
  }

  /** The name of the stream that comes next; undefined before the manifest. */
  async peek(): Promise<string | undefined> {
    this.#next ??= await this.#take()
    if (!this.#next) throw new BackupError(`the file ends without ${MANIFEST_NAME}: it was never finished`)
    if (this.#next.name === MANIFEST_NAME) return undefined
    return this.#next.name.replace(/\/\d{6}\.zst$/, '')
  }

  /** The bytes of the stream that comes next; none when it is another one: an empty stream has no parts. @throws BackupError */
  async *stream(name: string): AsyncGenerator<Buffer> {
    const line: Reading = { name, parts: 0, sizeBytes: 0, sha256: '', hash: createHash('sha256') }
    while ((await this.peek()) === name) {
      const member = this.#next
      this.#next = undefined
      if (member) yield await readPart(member, line)
    }
    const { hash, ...rest } = line
    this.#read.push({ ...rest, sha256: hash.digest('hex') })
  }

  /**
   * Compares what was read with the manifest. `rows` are those that were loaded. @throws BackupError naming the first stream that is
   * not what was backed up
   */
  async end(rows: ReadonlyMap<string, number>): Promise<Manifest> {
    const extra = await this.peek()
    if (extra !== undefined) throw new BackupError(`the file holds ${extra}, which this version does not know`)
    const manifest = parseManifest(this.#next?.body ?? Buffer.alloc(0))
    if (manifest.header !== this.#header) throw new BackupError(`${HEADER_NAME} is not what was backed up`)
    const read = new Map(this.#read.map((line) => [line.name, line]))
    for (const wanted of manifest.streams) {
      const got = read.get(wanted.name)
      if (!got && wanted.parts === 0) continue
      if (!got || got.sha256 !== wanted.sha256 || got.parts !== wanted.parts)
        throw new BackupError(
          `${wanted.name} is not what was backed up: ${got?.sizeBytes ?? 0} bytes in ${got?.parts ?? 0} parts, where there were ${wanted.sizeBytes} in ${wanted.parts}`,
        )
      const loaded = rows.get(wanted.name)
      if (wanted.rows !== undefined && loaded !== wanted.rows)
        throw new BackupError(`${wanted.name}: ${loaded ?? 0} rows were loaded, ${wanted.rows} were backed up`)
    }
    return manifest
  }

  async #take(): Promise<Member | undefined> {
    const { value, done } = await this.#members.next()
    return done ? undefined : value
  }
}

async function readPart(member: Member, line: Reading): Promise<Buffer> {
  line.parts++
  const expected = partName(line.name, line.parts)
  if (member.name !== expected) throw new BackupError(`${member.name} stands where ${expected} belongs`)
  try {
    const bytes = await decompress(member.body, { maxOutputLength: PART_BYTES })
    line.sizeBytes += bytes.length
    line.hash.update(bytes)
    return bytes
  } catch {
    throw new BackupError(`${member.name} is damaged`)
  }
}
