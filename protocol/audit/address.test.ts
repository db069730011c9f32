import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatRange, indexedRanges, indexedTexts, parseRange } from './address.ts'

test('an address cut as text is what its ranges are', () => {
  const octet = fc.oneof(fc.nat(300).map(String), fc.constantFrom('00', '01', '0x1', '', '٣'))
  const quad = fc.array(octet, { minLength: 3, maxLength: 5 }).map((octets) => octets.join('.'))
  const text = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    quad,
    fc.ipV4().map((address) => `${address}.`),
    fc.string(),
  )
  fc.assert(
    fc.property(text, (stated) => {
      const address = parseRange(stated)
      expect(indexedTexts(stated)).toEqual(address === null ? [] : indexedRanges(address).map(formatRange))
    }),
    { numRuns: 2_000 },
  )
})
