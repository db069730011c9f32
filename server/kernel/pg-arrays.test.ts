import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { useDatabase } from '#test/harness.ts'
import { byteaArray, textArray, uuidArray, wholeArray } from './pg-arrays.ts'

const db = useDatabase()

/** What PostgreSQL reads, given back as JSON. */
async function read(type: 'text' | 'bigint' | 'bytea' | 'uuid', array: Buffer): Promise<unknown> {
  const element = type === 'text' ? 'v' : 'v::text'
  const { rows } = await db.superuser.query(
    `SELECT coalesce(json_agg(${element} ORDER BY n), '[]') AS all FROM unnest($1::${type}[]) WITH ORDINALITY AS r(v, n)`,
    [array],
  )
  return rows[0]?.all
}

describe('arrays for PostgreSQL', () => {
  it('of texts arrive as they are', async () => {
    const text = fc.string({ unit: 'binary' }).filter((value) => !value.includes('\0') && value.isWellFormed())
    const property = fc.asyncProperty(fc.array(fc.option(text, { nil: undefined })), async (values) => {
      expect(await read('text', textArray(values))).toEqual(values.map((value) => value ?? null))
    })
    await fc.assert(property, { numRuns: 60 })
  })

  it('of ASCII with one long text that is none, wherever it stands, too', async () => {
    const ascii = fc.array(fc.option(fc.string({ unit: 'grapheme-ascii' }), { nil: undefined }))
    const property = fc.asyncProperty(ascii, ascii, fc.nat(300), async (before, after, length) => {
      const values = [...before, ...(length > 0 ? ['\u9489'.repeat(length)] : []), ...after]
      expect(await read('text', textArray(values))).toEqual(values.map((value) => value ?? null))
    })
    await fc.assert(property, { numRuns: 60 })
  })

  it('of whole numbers arrive as they are', async () => {
    const property = fc.asyncProperty(fc.array(fc.maxSafeInteger()), async (values) => {
      expect(await read('bigint', wholeArray(values))).toEqual(values.map(String))
    })
    await fc.assert(property, { numRuns: 60 })
  })

  it('of ids arrive as they are', async () => {
    const property = fc.asyncProperty(fc.array(fc.uuid()), async (values) => {
      expect(await read('uuid', uuidArray(values))).toEqual(values)
    })
    await fc.assert(property, { numRuns: 60 })
  })

  it('of bytes arrive as they are', async () => {
    const property = fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 300 })), async (values) => {
      const hex = values.map((value) => `\\x${Buffer.from(value).toString('hex')}`)
      expect(await read('bytea', byteaArray(values))).toEqual(hex)
    })
    await fc.assert(property, { numRuns: 60 })
  })
})
