import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { useDatabase } from '#test/harness.ts'
import { int8Array, textArray } from './pg-arrays.ts'

const db = useDatabase()

/** What PostgreSQL reads, given back as JSON. */
async function read(type: 'text' | 'bigint', array: Buffer): Promise<unknown> {
  const element = type === 'bigint' ? 'v::text' : 'v'
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

  it('of numbers arrive as they are', async () => {
    const property = fc.asyncProperty(
      fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
      async (values) => {
        expect(await read('bigint', int8Array(values))).toEqual(values.map(String))
      },
    )
    await fc.assert(property, { numRuns: 60 })
  })
})
