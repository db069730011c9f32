import type { Readable } from 'node:stream'
import { AppError } from '#server/kernel/errors.ts'

export type LineLimits = { lines: number; bytes: number }

const NEWLINE = 0x0a
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * The lines of a body as they were sent, without their line breaks; an empty last line is none. Reading stops at the first
 * byte or line too many. @throws AppError too_large · invalid (not UTF-8, naming the line)
 */
export async function readLines(body: Readable, limits: LineLimits): Promise<string[]> {
  const chunks: Buffer[] = []
  let bytes = 0
  let breaks = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length
    breaks += countBreaks(chunk)
    if (bytes > limits.bytes)
      throw new AppError('too_large', { detail: `At most ${limits.bytes} bytes are taken at once.` })
    if (breaks > limits.lines) throw tooMany(limits)
    chunks.push(chunk)
  }
  const lines = split(Buffer.concat(chunks, bytes))
  if (lines.length > limits.lines) throw tooMany(limits)
  return lines
}

function tooMany(limits: LineLimits): AppError {
  return new AppError('too_large', { detail: `At most ${limits.lines} lines are taken at once.` })
}

function countBreaks(chunk: Buffer): number {
  let count = 0
  for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, at + 1)) count++
  return count
}

function split(body: Buffer): string[] {
  const lines = decode(body).split(/\r?\n/)
  if (lines.at(-1) === '') lines.pop()
  return lines
}

function decode(body: Buffer): string {
  try {
    return decoder.decode(body)
  } catch (cause) {
    // Up to the first replaced character the lossy text is the true one.
    const line = body.toString('utf8').split('\uFFFD', 1)[0]?.split('\n').length ?? 1
    throw new AppError('invalid', {
      detail: `line ${line}: is not UTF-8`,
      fields: { [`line ${line}`]: 'is not UTF-8' },
      cause,
    })
  }
}
