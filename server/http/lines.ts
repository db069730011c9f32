import { isAscii, isUtf8 } from 'node:buffer'
import type { Readable } from 'node:stream'
import { AppError } from '#server/kernel/errors.ts'

export type LineLimits = { lines: number; bytes: number }

const NEWLINE = 0x0a
const RETURN = 0x0d

/**
 * The lines of a body as they were sent, without their line breaks; an empty last line is none. Each becomes text when its turn
 * comes: what waits stands outside the heap, in one piece.
 */
export class Lines implements Iterable<string> {
  readonly #body: Buffer
  /** Where each line ends, its line break left out. */
  readonly #ends: readonly number[]

  /** @param ends of every line in the body, which is UTF-8 */
  constructor(body: Buffer, ends: readonly number[]) {
    this.#body = body
    this.#ends = ends
  }

  get length(): number {
    return this.#ends.length
  }

  *[Symbol.iterator](): Generator<string, void> {
    const body = this.#body
    const encoding = isAscii(body) ? 'latin1' : 'utf8'
    let from = 0
    for (const end of this.#ends) {
      const isReturned = body[end] === NEWLINE && body[end - 1] === RETURN
      yield body.toString(encoding, from, isReturned ? end - 1 : end)
      from = end + 1
    }
  }
}

/**
 * The lines of a body. Reading stops at the first byte or line too many.
 * @throws AppError too_large · invalid (not UTF-8, naming the line)
 */
export async function readLines(body: Readable, limits: LineLimits): Promise<Lines> {
  const chunks: Buffer[] = []
  const ends: number[] = []
  let bytes = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, at + 1)) ends.push(bytes + at)
    bytes += chunk.length
    if (bytes > limits.bytes)
      throw new AppError('too_large', { detail: `At most ${limits.bytes} bytes are taken at once.` })
    if (ends.length > limits.lines) throw tooMany(limits)
    chunks.push(chunk)
  }
  const whole = Buffer.concat(chunks, bytes)
  if (bytes > 0 && whole[bytes - 1] !== NEWLINE) ends.push(bytes)
  if (ends.length > limits.lines) throw tooMany(limits)
  if (!isUtf8(whole)) throw notUtf8(whole, ends)
  return new Lines(whole, ends)
}

function tooMany(limits: LineLimits): AppError {
  return new AppError('too_large', { detail: `At most ${limits.lines} lines are taken at once.` })
}

function notUtf8(body: Buffer, ends: readonly number[]): AppError {
  // No character has a byte of a line break in it: what is wrong is so in a line.
  const line = 1 + ends.findIndex((end, n) => !isUtf8(body.subarray(n === 0 ? 0 : (ends[n - 1] ?? 0) + 1, end)))
  return new AppError('invalid', {
    detail: `line ${line}: is not UTF-8`,
    fields: { [`line ${line}`]: 'is not UTF-8' },
  })
}
