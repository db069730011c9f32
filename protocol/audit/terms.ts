/**
 * The search index: every entry has a list of terms, each known by 52 bits of a hash (lib/postings keeps where they stand).
 *
 * Keys are compared whole: `actor:ID` `actor.kind:KIND` `device:ID` `target:ID` `policy:ID` `policy.rule:RULE` `outcome:…`
 * `enforcement:…` `label:LABEL` `source:app:NAME` and `source:app`, `own:UUID` (the entry's own id), `id:UUID` (the
 * correlation's, the sender's), and an action with all it lies under: `action:device.wipe.request` `action:device.wipe` `action:device`.
 * Addresses give `ip:` with the address and its /24, /16 and /8 (IPv6: /64, /48, /32).
 *
 * Words carry the scope of the text they stand in (`actor.w:` `device.w:` `target.w:` `reason.w:` `w:` for all others), so that
 * `actor:"Lin Wei"` needs no second list; a free word asks all five. Beginnings of words (`p:`, 2 and 4 characters) carry no
 * scope: two for each different word keep an ordinary entry at about fifty terms, and a prefix of another length or with a field is
 * rechecked on the text. What no term can decide (phrases, odd prefixes, odd address ranges) is always rechecked; see
 * query-plan.ts. The user agent is not searched.
 *
 * An entry with more than 1,024 terms keeps its keys and as many words as fit, and `overflow:`; every question about
 * words then looks at such entries, too, so that nothing is missing from an answer.
 */
import { concatBytes, utf8Encode } from '#lib/bytes.ts'
import { isUuid, uuidToBytes } from '#lib/uuid.ts'
import { type AddressRange, formatRange, indexedTexts, parseRange } from './address.ts'
import type { AuditEntry } from './entry.ts'
import type { DetailText, DetailValue, PersonalValues } from './personal.ts'
import { sha256Head } from './sha256.ts'
import { fold, gramsOf, tokensOf, unitsOf } from './words.ts'

/** Remembers in two generations: when the young one is full the old one is dropped. As good as least-recently-used, and no list to keep. */
export class Memo<T> {
  readonly #size: number
  #young = new Map<string, T>()
  #old = new Map<string, T>()

  constructor(size: number) {
    this.#size = size
  }

  get(key: string): T | undefined {
    const young = this.#young.get(key)
    if (young !== undefined) return young
    const old = this.#old.get(key)
    return old === undefined ? undefined : this.set(key, old)
  }

  set(key: string, value: T): T {
    if (this.#young.size >= this.#size) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, value)
    return value
  }
}

const rememberedTexts = new Memo<readonly string[]>(20_000)

/** Where a word stands; `other` is free text, detail, labels and the action's own words. */
export const TEXT_SCOPES = ['actor', 'device', 'target', 'reason', 'other'] as const
/** One of `TEXT_SCOPES`. */
export type TextScope = (typeof TEXT_SCOPES)[number]

/** The term of entries that have more words than the index takes. */
export const OVERFLOW_TERM = 'overflow:'
/** Terms of one entry that the index takes. */
export const MAX_TERMS = 1_024

/** All terms of an entry, without repetition. `personal` is absent once it has been erased. */
export function termsOf(entry: AuditEntry, personal: PersonalValues | undefined): readonly string[] {
  const terms = new Set([...keysOf(entry, personal), ...addressTerms(personal?.address ?? '')])
  for (const [scope, text] of textsOf(entry, personal)) for (const term of textTerms(scope, text)) terms.add(term)
  if (terms.size <= MAX_TERMS) return [...terms]
  return [...[...terms].slice(0, MAX_TERMS - 1), OVERFLOW_TERM]
}

/** Names of people, devices and files come again with every event: long texts, which do not, are not remembered. */
export const MAX_REMEMBERED = 200

/** The terms of one text. */
export function textTerms(scope: TextScope, text: string): readonly string[] {
  if (text.length > MAX_REMEMBERED) return computeTextTerms(scope, text)
  const key = `${scope} ${text}`
  return rememberedTexts.get(key) ?? rememberedTexts.set(key, computeTextTerms(scope, text))
}

function computeTextTerms(scope: TextScope, text: string): readonly string[] {
  const tokens = tokensOf(text)
  return [
    ...unitsOf(tokens).map((unit) => wordTerm(scope, unit)),
    ...tokens.flatMap((token) => gramsOf(token).map(gramTerm)),
  ]
}

/** The terms of an entry that are compared whole (addresses aside). */
export function keysOf(entry: AuditEntry, personal: PersonalValues | undefined): readonly string[] {
  const { actor, device, enforcement, labels, policy, target } = entry
  const keys = [`outcome:${entry.outcome}`, `actor.kind:${actor.kind}`, `own:${entry.id}`]
  for (const under of selfAndAncestors(entry.action, '.')) keys.push(`action:${under}`)
  for (const under of selfAndAncestors(fold(entry.source), ':')) keys.push(`source:${under}`)
  if (actor.id !== undefined) keys.push(`actor:${actor.id}`)
  if (device !== undefined) keys.push(`device:${device.id}`)
  if (target !== undefined && isUuid(target.id)) keys.push(`target:${target.id}`)
  if (policy !== undefined) keys.push(`policy:${policy.id}`)
  if (policy?.rule !== undefined) keys.push(`policy.rule:${fold(policy.rule)}`)
  if (enforcement !== undefined) keys.push(`enforcement:${enforcement}`)
  for (const label of labels ?? []) keys.push(`label:${fold(label)}`)
  for (const id of [entry.correlationId, personal?.senderId?.toLowerCase()]) {
    if (id !== undefined && isUuid(id)) keys.push(`id:${id}`)
  }
  return keys
}

/** Every searched text of an entry with its scope. */
export function textsOf(
  entry: AuditEntry,
  personal: PersonalValues | undefined,
): readonly (readonly [TextScope, string])[] {
  const texts: [TextScope, string][] = []
  const add = (scope: TextScope, text: string | undefined) => {
    if (text !== undefined) texts.push([scope, text])
  }
  add('other', entry.action)
  for (const label of entry.labels ?? []) add('other', label)
  if (entry.target !== undefined && !isUuid(entry.target.id)) add('target', entry.target.id)
  add('actor', personal?.actorName)
  add('actor', personal?.actorEmail)
  add('device', personal?.deviceName)
  add('target', personal?.targetName)
  add('reason', personal?.reason)
  if (personal?.senderId !== undefined && !isUuid(personal.senderId.toLowerCase())) add('other', personal.senderId)
  add('other', personal?.words)
  for (const value of Object.values(personal?.detail ?? {})) for (const text of detailTexts(value)) add('other', text)
  return texts
}

/** The address of an entry, where it has one that can be read. */
export function addressOf(personal: PersonalValues | undefined): AddressRange | null {
  return personal?.address === undefined ? null : parseRange(personal.address)
}

/** The term of a word unit in a scope. */
export function wordTerm(scope: TextScope, unit: string): string {
  return scope === 'other' ? `w:${unit}` : `${scope}.w:${unit}`
}

/** The term of the beginning of a word. */
export function gramTerm(gram: string): string {
  return `p:${gram}`
}

/** The term of an indexed address range. */
export function addressTerm(range: AddressRange): string {
  return `ip:${formatRange(range)}`
}

/**
 * The stored form of a term: the first 52 bits of SHA-256 over the tenant's 16 id bytes and the term, a number that JavaScript
 * holds exactly. The tenant is part of it, so that the same name looks different in two organisations' indexes. Two terms may
 * share a hash: what is shown is always read again. An entry's own id, which nobody but the server chooses, is its own hash.
 */
export function hashTerm(tenantId: string, term: string): number {
  return term.startsWith('own:') ? hashOwn(term.slice(4)) : hashOfTenant(tenantId, term)
}

/** The same of `own:ID`: the last 48 bits of the id, which are random. */
export function hashOwn(id: string): number {
  let hash = 0
  for (let at = 24; at < 36; at++) hash = hash * 16 + digitOf(id.charCodeAt(at))
  return hash
}

function digitOf(code: number): number {
  return code < 58 ? code - 48 : code - 87
}

// Entries come by the thousand from one organisation, and most terms are short ASCII: one room for each length, which begins
// with the organisation's id, spares three arrays a term.
const MAX_ROOM = 128
let rooms: { tenantId: string; byLength: Uint8Array[] } = { tenantId: '', byLength: [] }

function hashOfTenant(tenantId: string, term: string): number {
  if (rooms.tenantId !== tenantId) rooms = { tenantId, byLength: [] }
  const { length } = term
  if (length > MAX_ROOM) return sha256Head(concatBytes(uuidToBytes(tenantId), utf8Encode(term)))
  let room = rooms.byLength[length]
  if (!room) {
    room = concatBytes(uuidToBytes(tenantId), new Uint8Array(length))
    rooms.byLength[length] = room
  }
  for (let i = 0; i < length; i++) {
    const code = term.charCodeAt(i)
    if (code > 0x7f) return sha256Head(concatBytes(room.subarray(0, 16), utf8Encode(term)))
    room[16 + i] = code
  }
  return sha256Head(room)
}

/** The terms of the address an entry came from. */
export function addressTerms(address: string): readonly string[] {
  return indexedTexts(address).map((text) => `ip:${text}`)
}

/** `a.b.c` with the separator `.` as `a.b.c`, `a.b` and `a`. */
export function selfAndAncestors(name: string, separator: string): string[] {
  const names = [name]
  for (let at = name.lastIndexOf(separator); at > 0; at = name.lastIndexOf(separator, at - 1))
    names.push(name.slice(0, at))
  return names
}

/** The texts of one member of `detail`: itself, each of a list, or what it was before and is after. */
export function detailTexts(value: DetailValue): readonly string[] {
  if (typeof value === 'string') return [value]
  if (Array.isArray(value)) return value
  // Array.isArray does not narrow readonly arrays away.
  const { before, after } = value as { before?: DetailText; after?: DetailText }
  return [before ?? [], after ?? []].flat()
}
