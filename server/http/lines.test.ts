import { Readable } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type LineLimits, readLines } from './lines.ts'

const MANY: LineLimits = { lines: 1_000, bytes: 1_000_000 }

/** Read in chunks of that many bytes. */
async function linesOf(body: string | Uint8Array, chunkBytes = 7, limits = MANY): Promise<string[]> {
  const bytes = Buffer.from(body as string)
  const chunks: Buffer[] = []
  for (let at = 0; at < bytes.length; at += chunkBytes) chunks.push(bytes.subarray(at, at + chunkBytes))
  return [...(await readLines(Readable.from(chunks), limits))]
}

describe('the lines of a body', () => {
  it('are what stood between its line breaks, however it came', async () => {
    const piece = fc.constantFrom('a', 'seq', '端', '𝌆', '\uFEFF', '\0', ' ', '\r', '\n', '\r\n', '')
    await fc.assert(
      fc.asyncProperty(fc.array(piece), fc.integer({ min: 1, max: 9 }), async (pieces, chunkBytes) => {
        const text = pieces.join('')
        const expected = text.split(/\r?\n/)
        if (expected.at(-1) === '') expected.pop()
        expect(await linesOf(text, chunkBytes)).toEqual(expected)
      }),
    )
  })

  it('can be read again, and are counted before', async () => {
    const lines = await readLines(Readable.from([Buffer.from('a\nb')]), MANY)
    expect(lines.length).toBe(2)
    expect([...lines]).toEqual([...lines])
  })

  it('are UTF-8, or the line that is not is named', async () => {
    const body = Buffer.concat([Buffer.from('fine\nalso 端\n'), Buffer.from([0x22, 0xff, 0x22]), Buffer.from('\nx')])
    await expect(linesOf(body)).rejects.toMatchObject({ code: 'invalid', fields: { 'line 3': 'is not UTF-8' } })
  })

  it.each([
    ['behind a line with the sign for what could not be read', 'a \uFFFD b\nfine\n', [0xff], 3],
    ['half a character before a line break', 'fine\n', [0xe7, 0xab, 0x0a, 0xaf], 2],
    ['half a character at the end', 'fine\n', [0xe7, 0xab], 2],
    ['half a surrogate', '', [0xed, 0xa0, 0x80], 1],
  ])('%s: the line that is not UTF-8 is named', async (_, before, wrong, line) => {
    const body = Buffer.concat([Buffer.from(before), Buffer.from(wrong)])
    for (const chunkBytes of [1, 2, 100])
      await expect(linesOf(body, chunkBytes)).rejects.toMatchObject({ fields: { [`line ${line}`]: 'is not UTF-8' } })
  })

  it('of an empty body are none, of a line break one that is empty', async () => {
    expect(await linesOf('')).toEqual([])
    expect(await linesOf('\n')).toEqual([''])
    expect(await linesOf('\r\n\r\n', 1)).toEqual(['', ''])
    expect(await linesOf('a\r', 1)).toEqual(['a\r'])
  })

  it('are no more than allowed, the last one without a line break counted, too', async () => {
    expect(await linesOf('a\nb\n', 7, { lines: 2, bytes: 100 })).toEqual(['a', 'b'])
    await expect(linesOf('a\nb\nc', 7, { lines: 2, bytes: 100 })).rejects.toMatchObject({ code: 'too_large' })
    expect(await linesOf('a\nb', 1, { lines: 2, bytes: 3 })).toEqual(['a', 'b'])
    await expect(linesOf('a\nb\n\n', 1, { lines: 2, bytes: 100 })).rejects.toMatchObject({ code: 'too_large' })
    await expect(linesOf('a\nb', 7, { lines: 2, bytes: 2 })).rejects.toMatchObject({ code: 'too_large' })
  })
})
