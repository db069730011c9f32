import { base64urlDecode, base64urlEncode, utf8LengthAbove } from '#lib/bytes.ts'
import { canonicalJson } from '#lib/canonical-json.ts'
import { EntryError } from './entry-check.ts'
import { sha256Base64url } from './sha256.ts'
import { Texts } from './texts.ts'

/** A text or a list of texts; numbers are written as text, so that every program reads the same value. */
export type DetailText = string | readonly string[]
/** One member of `detail`: a text, or a change. */
export type DetailValue = DetailText | { readonly before?: DetailText; readonly after?: DetailText }

/** What an event says about people, in clear; it stays outside the tree so that it can be erased. */
export type PersonalValues = {
  /** The id that the sending device or app gave the event. */
  readonly senderId?: string | undefined
  readonly actorName?: string | undefined
  readonly actorEmail?: string | undefined
  readonly deviceName?: string | undefined
  readonly targetName?: string | undefined
  readonly address?: string | undefined
  readonly userAgent?: string | undefined
  readonly reason?: string | undefined
  /** Free text of the event. */
  readonly words?: string | undefined
  readonly detail?: { readonly [name: string]: DetailValue } | undefined
}

/** Personal values with the salt that keeps the commitment from being guessed: base64url of 16 random bytes. */
export type Personal = PersonalValues & { readonly salt: string }

/** The most bytes that the canonical form of personal values may have. */
export const MAX_PERSONAL_BYTES = 65_535

// No digits first: an object puts such names before all others, whatever order canonical JSON asks for.
const DETAIL_NAME = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/

/**
 * Normalises personal values to NFC, adds a fresh salt (or the one given) and commits to them.
 * Throws an EntryError naming the field on a lone surrogate, a NUL, a bad name in `detail` or too many bytes.
 */
export function sealPersonal(
  values: PersonalValues,
  salt = freshSalt(),
): { personal: Personal; text: string; sha256: string } {
  const texts = new Texts()
  const personal = normalise(values, salt, texts)
  const text = formatPersonal(personal, texts)
  const bytes = utf8LengthAbove(text, MAX_PERSONAL_BYTES)
  if (bytes > MAX_PERSONAL_BYTES)
    throw new EntryError('personal', `has ${bytes} bytes, at most ${MAX_PERSONAL_BYTES} are allowed`)
  return { personal, text, sha256: sha256Base64url(text) }
}

/**
 * The commitment to stored personal values: base64url of SHA-256 over their RFC 8785 form. The members may be in any order.
 */
export function commitPersonal(personal: Personal): string {
  return sha256Base64url(canonicalJson(personal))
}

/** Whether `personal` is what the commitment was made of, salt and all. */
export function verifyPersonal(personal: Personal, commitment: string): boolean {
  try {
    if (base64urlDecode(personal.salt).length !== 16) return false
    return commitPersonal(personal) === commitment
  } catch {
    // Values that canonical JSON refuses cannot have been committed to.
    return false
  }
}

/**
 * The same for the text in which they are stored. The canonical form, as the server writes it, is only hashed; any other
 * spelling is parsed. Text that is no JSON was never committed to.
 */
export function verifyPersonalText(text: string, commitment: string): boolean {
  if (sha256Base64url(text) === commitment && isSalted(text) && text.isWellFormed()) return true
  try {
    // A value of another shape is refused by verifyPersonal.
    return verifyPersonal(JSON.parse(text) as Personal, commitment)
  } catch {
    return false
  }
}

function isSalted(text: string): boolean {
  const at = text.indexOf('"salt":"')
  return at > 0 && text[at + 30] === '"'
}

const SALT_BYTES = 16
const pool = new Uint8Array(256 * SALT_BYTES)
let poolAt = pool.length

/** Random bytes are fetched for many salts at once: each fetch costs more than the bytes. */
function freshSalt(): string {
  if (poolAt === pool.length) {
    crypto.getRandomValues(pool)
    poolAt = 0
  }
  poolAt += SALT_BYTES
  return base64urlEncode(pool.subarray(poolAt - SALT_BYTES, poolAt))
}

/** The canonical form; the salt, which is always there, parts what stands before it from what stands after. */
function formatPersonal(personal: Personal, { write }: Texts): string {
  const { actorEmail, actorName, address, detail, deviceName, reason, senderId, targetName, userAgent, words } =
    personal
  let text = '{'
  if (actorEmail !== undefined) text += `"actorEmail":${write(actorEmail)},`
  if (actorName !== undefined) text += `"actorName":${write(actorName)},`
  if (address !== undefined) text += `"address":${write(address)},`
  if (detail !== undefined) text += `"detail":${JSON.stringify(detail)},`
  if (deviceName !== undefined) text += `"deviceName":${write(deviceName)},`
  if (reason !== undefined) text += `"reason":${write(reason)},`
  text += `"salt":"${personal.salt}"`
  if (senderId !== undefined) text += `,"senderId":${write(senderId)}`
  if (targetName !== undefined) text += `,"targetName":${write(targetName)}`
  if (userAgent !== undefined) text += `,"userAgent":${write(userAgent)}`
  if (words !== undefined) text += `,"words":${write(words)}`
  return `${text}}`
}

function normalise(values: PersonalValues, salt: string, texts: Texts): Personal {
  return {
    actorEmail: normaliseMember(values.actorEmail, 'personal.actorEmail', texts),
    actorName: normaliseMember(values.actorName, 'personal.actorName', texts),
    address: normaliseMember(values.address, 'personal.address', texts),
    detail: values.detail && normaliseDetail(values.detail, texts),
    deviceName: normaliseMember(values.deviceName, 'personal.deviceName', texts),
    reason: normaliseMember(values.reason, 'personal.reason', texts),
    salt,
    senderId: normaliseMember(values.senderId, 'personal.senderId', texts),
    targetName: normaliseMember(values.targetName, 'personal.targetName', texts),
    userAgent: normaliseMember(values.userAgent, 'personal.userAgent', texts),
    words: normaliseMember(values.words, 'personal.words', texts),
  }
}

function normaliseMember(text: string | undefined, field: string, texts: Texts): string | undefined {
  return text === undefined ? undefined : texts.normal(text, field)
}

function normaliseDetail(
  detail: { readonly [name: string]: DetailValue },
  texts: Texts,
): { [name: string]: DetailValue } {
  // In sorted order, so that JSON.stringify writes the canonical form.
  const sorted: { [name: string]: DetailValue } = {}
  for (const name of Object.keys(detail).sort()) {
    const value = detail[name]
    if (value === undefined) continue
    if (!DETAIL_NAME.test(name))
      throw new EntryError(`personal.detail.${name}`, 'is not a name of letters, digits, . _ -')
    sorted[name] = normaliseValue(value, `personal.detail.${name}`, texts)
  }
  return sorted
}

function normaliseValue(value: DetailValue, field: string, texts: Texts): DetailValue {
  if (typeof value === 'string' || isList(value)) return normaliseDetailText(value, field, texts)
  const { after, before } = value
  return {
    ...(after !== undefined && { after: normaliseDetailText(after, `${field}.after`, texts) }),
    ...(before !== undefined && { before: normaliseDetailText(before, `${field}.before`, texts) }),
  }
}

function normaliseDetailText(value: DetailText, field: string, texts: Texts): DetailText {
  return typeof value === 'string' ? texts.normal(value, field) : value.map((text) => texts.normal(text, field))
}

function isList(value: DetailValue): value is readonly string[] {
  return Array.isArray(value)
}
