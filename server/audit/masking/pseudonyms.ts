import 'server-only'
import { createHmac } from 'node:crypto'
import { derivedKey } from '#server/kernel/keys.ts'

/** Crockford's letters: none can be taken for another. */
const LETTERS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const CODE = /^([0-9A-HJKMNP-TV-Z]{4})-([0-9A-HJKMNP-TV-Z]{4})$/i

/** Gives the pseudonym of an id, such as `K7Q2-M9XD`. */
export type CodeOf = (id: string) => string

/**
 * Pseudonyms of one organisation: 40 bits of HMAC-SHA-256 over the id. The key is derived from the instance's root secret, which
 * no rotation changes: a pseudonym stays, and means nothing in another organisation.
 */
export function pseudonyms(tenantId: string): CodeOf {
  const key = derivedKey(`audit-pseudonyms/${tenantId}`)
  return (id) => {
    const mac = createHmac('sha256', key).update(id.toLowerCase()).digest()
    let code = ''
    for (let bits = mac.readUIntBE(0, 5), n = 0; n < 8; n++, bits = Math.floor(bits / 32))
      code = (LETTERS[bits % 32] ?? '') + code
    return `${code.slice(0, 4)}-${code.slice(4)}`
  }
}

/** Whether a text is a pseudonym and nothing else. */
export function isCode(text: string): boolean {
  return CODE.test(text)
}

/** The pseudonym in what somebody typed: alone, or behind the word for what it stands for. Null when it is none. */
export function codeIn(text: string): string | null {
  const [last = ''] = text.trim().split(/\s+/).slice(-1)
  return CODE.test(last) ? last.toUpperCase() : null
}
