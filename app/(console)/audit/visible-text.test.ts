import { expect, it } from 'vitest'
import { unseenIn, visibleText } from '#components/audit/visible-text.ts'

it('spells out what reorders or hides, and keeps lines', () => {
  expect(visibleText('invoice\u202efdp.exe')).toBe('invoice\\u{202e}fdp.exe')
  expect(visibleText('first\r\nsec\u200bond\n王小明 😀')).toBe('first\nsec\\u{200b}ond\n王小明 😀')
})

it('names what a field cannot show, once each, with what it does', () => {
  expect(unseenIn('actor:"Ana\u202e\u200b" -label:x\u2066\u200b\ud800\u{e0041}')).toEqual([
    { code: 'U+202E', does: 'reorders' },
    { code: 'U+200B', does: 'hides' },
    { code: 'U+2066', does: 'reorders' },
    { code: 'U+D800', does: 'hides' },
    { code: 'U+E0041', does: 'hides' },
  ])
  expect(unseenIn('actor:"王小明" OR שלום 😀')).toEqual([])
})
