import 'server-only'
import { BackupError } from './format.ts'

/** POSIX ustar (IEEE 1003.1, pax): members in blocks of 512 bytes. Ours have short names and at most some megabytes. */
const BLOCK = 512
/** More than any member of ours has: a length beyond it is damage, and is not believed. */
const MOST_BYTES = 1_073_741_824

/** The end of an archive. */
export const TAR_END: Buffer = Buffer.alloc(2 * BLOCK)

/** A member as it stands in the archive. */
export function tarMember(name: string, body: Uint8Array, mtime: Date): Buffer {
  if (Buffer.byteLength(name) > 100) throw new RangeError(`${name}: too long a name`)
  const header = Buffer.alloc(BLOCK)
  header.write(name, 0)
  header.write('0000600\0', 100)
  header.write('0000000\0', 108)
  header.write('0000000\0', 116)
  header.write(`${body.length.toString(8).padStart(11, '0')}\0`, 124)
  header.write(
    `${Math.floor(mtime.getTime() / 1_000)
      .toString(8)
      .padStart(11, '0')}\0`,
    136,
  )
  header.write('0', 156)
  header.write('ustar\x0000', 257)
  header.write(`${checksumOf(header).toString(8).padStart(6, '0')}\0 `, 148)
  return Buffer.concat([header, body, Buffer.alloc(paddingOf(body.length))])
}

export type Member = { name: string; body: Buffer }

/** The members one after the other, each of them whole. @throws BackupError where the file ends early or is something else */
export async function* readTar(source: AsyncIterable<Uint8Array>): AsyncGenerator<Member> {
  const bytes = new ByteReader(source)
  let last = ''
  for (;;) {
    const header = await bytes.take(BLOCK)
    if (header.length < BLOCK) throw endsEarly(last)
    if (header.every((byte) => byte === 0)) return
    const { name, sizeBytes } = readMemberHeader(header, last)
    const body = await bytes.take(sizeBytes)
    const padding = await bytes.take(paddingOf(sizeBytes))
    if (body.length < sizeBytes || padding.length < paddingOf(sizeBytes)) throw endsEarly(name)
    yield { name, body }
    last = name
  }
}

function readMemberHeader(header: Buffer, last: string): { name: string; sizeBytes: number } {
  const stated = Number.parseInt(header.toString('latin1', 148, 154), 8)
  if (header.toString('latin1', 257, 262) !== 'ustar' || stated !== checksumOf(header))
    throw new BackupError(
      last === ''
        ? 'this is no backup: it is not an archive'
        : `the file is damaged after ${last}: no member begins there`,
    )
  const sizeBytes = Number.parseInt(header.toString('latin1', 124, 135), 8)
  if (!(sizeBytes <= MOST_BYTES)) throw new BackupError(`the file is damaged after ${last}: a length makes no sense`)
  return { name: header.toString('utf8', 0, 100).replace(/\0.*$/s, ''), sizeBytes }
}

function endsEarly(last: string): BackupError {
  return new BackupError(
    last === '' ? 'this is no backup: the file is empty' : `the file ends early, in or after ${last}: it was cut off`,
  )
}

function paddingOf(length: number): number {
  return (BLOCK - (length % BLOCK)) % BLOCK
}

/** The sum of the header's bytes with blanks in the place of the sum itself. */
function checksumOf(header: Buffer): number {
  let sum = 8 * 0x20
  for (const [at, byte] of header.entries()) if (at < 148 || at >= 156) sum += byte
  return sum
}

/** Takes exact numbers of bytes from chunks of any size. */
export class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>
  #waiting: Uint8Array[] = []
  #length = 0

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  /** The next `count` bytes; fewer only at the end. */
  async take(count: number): Promise<Buffer> {
    while (this.#length < count) {
      const { value, done } = await this.#source.next()
      if (done) break
      this.#waiting.push(value)
      this.#length += value.length
    }
    const all = this.#waiting.length === 1 ? (this.#waiting[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#waiting)
    this.#waiting = all.length > count ? [all.subarray(count)] : []
    this.#length = Math.max(0, all.length - count)
    const taken = all.subarray(0, count)
    return Buffer.from(taken.buffer, taken.byteOffset, taken.length)
  }
}
