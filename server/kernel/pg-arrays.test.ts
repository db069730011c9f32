import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { useDatabase } from '#test/harness.ts'
import { byteaArray, TextArray, uuidArray, wholeArray } from './pg-arrays.ts'

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
  it('of texts arrive as they are, however much room was asked for', async () => {
    const binary = fc.string({ unit: 'binary' }).filter((value) => !value.includes('\0') && value.isWellFormed())
    const long = fc.integer({ min: 1, max: 300 }).map((length) => '\u9489'.repeat(length))
    const texts = fc.array(fc.oneof(binary, fc.string({ unit: 'grapheme-ascii' }), long))
    const property = fc.asyncProperty(texts, fc.nat(200), async (values, bytes) => {
      const array = new TextArray(bytes)
      for (const value of values) array.add(value)
      expect(await read('text', array.done())).toEqual(values)
    })
    await fc.assert(property, { numRuns: 100 })
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
