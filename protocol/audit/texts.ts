import { isPlainText, jsonText } from '#lib/canonical-json.ts'
import { EntryError } from './entry-check.ts'

/** The texts of one entry, brought into NFC: nearly all are plain, and then neither they nor their JSON need a second look. */
export class Texts {
  #arePlain = true

  /** @throws EntryError naming the field of a lone surrogate or a NUL */
  normal(text: string, field: string): string {
    if (isPlainText(text)) return text
    this.#arePlain = false
    if (!text.isWellFormed()) throw new EntryError(field, 'holds a lone surrogate')
    if (text.includes('\0')) throw new EntryError(field, 'holds a NUL')
    return text.normalize('NFC')
  }

  /** How each of them stands in canonical JSON. */
  get write(): (text: string) => string {
    return this.#arePlain ? quoted : jsonText
  }
}

function quoted(text: string): string {
  return `"${text}"`
}
