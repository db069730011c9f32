import { expect, it } from 'vitest'
import { visibleText } from './_visible-text.ts'

it('spells out what reorders or hides, and keeps lines', () => {
  expect(visibleText('invoice\u202efdp.exe')).toBe('invoice\\u{202e}fdp.exe')
  expect(visibleText('first\r\nsec\u200bond\n王小明 😀')).toBe('first\nsec\\u{200b}ond\n王小明 😀')
})
