// C0, DEL and C1 controls.
const CONTROL = /\p{Cc}/u
// Marks that change the order or hide text: bidi embeddings, overrides, isolates and marks, zero width, BOM, line separators.
const HIDDEN = /[\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/u
const UNSAFE = new RegExp(`${CONTROL.source}|\\p{Cs}|${HIDDEN.source}`, 'gu')

/** Whether `text` is in Unicode normalisation form C. */
export function isNfc(text: string): boolean {
  return text.normalize('NFC') === text
}

/** Whether a UTF-16 surrogate stands alone in `text`; such text has no UTF-8 form. */
export function hasLoneSurrogate(text: string): boolean {
  return !text.isWellFormed()
}

/** Whether `text` holds U+0000, which PostgreSQL cannot store. */
export function hasNul(text: string): boolean {
  return text.includes('\0')
}

/** Whether `text` holds a control character (line breaks and tabs are controls, too). */
export function hasControl(text: string): boolean {
  return CONTROL.test(text)
}

/** Whether `text` holds a character that reorders or hides what is shown (bidi marks, zero width, tags). */
export function hasHidden(text: string): boolean {
  return HIDDEN.test(text)
}

/** The characters of `text` that `escapeForDisplay` spells out, each once, in the order in which they first appear. */
export function unseenCharacters(text: string): string[] {
  return [...new Set(text.match(UNSAFE))]
}

/** `text` with every control, bidi, invisible character and lone surrogate written as `\u{hex}`, safe to show in a log row. */
export function escapeForDisplay(text: string): string {
  return text.replace(UNSAFE, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`)
}
