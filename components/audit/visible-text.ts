import { escapeForDisplay, unseenCharacters } from '#lib/text.ts'

/** Text that somebody else wrote, as it may stand on the screen: what hides or reorders is spelt out, lines stay lines. */
export function visibleText(text: string): string {
  return text.split(/\r?\n/).map(escapeForDisplay).join('\n')
}

/** Bidi marks, embeddings, overrides and isolates. */
const REORDERS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/

/** A character that a field cannot show: `U+202E`, and what it does to the text around it. */
export type UnseenCharacter = { code: string; does: 'reorders' | 'hides' }

/** What of a text a field shows wrongly or not at all. */
export function unseenIn(text: string): UnseenCharacter[] {
  return unseenCharacters(text).map((character) => ({
    code: `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`,
    does: REORDERS.test(character) ? 'reorders' : 'hides',
  }))
}
