import 'server-only'
import type { RowBlock } from '../row-block.ts'

/**
 * What a row shows of an event: its columns of text in their order (`ROW_COLUMNS` behind the times), and the two times.
 */
export const FIELD = {
  action: 0,
  outcome: 1,
  actorKind: 2,
  actorId: 3,
  actorName: 4,
  actorEmail: 5,
  deviceId: 6,
  deviceName: 7,
  targetType: 8,
  targetId: 9,
  targetName: 10,
  labels: 11,
  policyId: 12,
  policyVersion: 13,
  policyRule: 14,
  source: 15,
  enforcement: 16,
  clock: 17,
  address: 18,
  userAgent: 19,
  reason: 20,
  words: 21,
  senderId: 22,
  detail: 23,
  correlationId: 24,
  id: 25,
  occurredAt: 26,
  recordedAt: 27,
  /** What is not shown. */
  hidden: 28,
} as const
/** How many of them are columns of text. */
export const TEXT_FIELDS = 26
const FIELDS = 29

/** What a field is written as. */
export const SHAPE = {
  /** A text of which a cell of CSV is made by copying it. */
  plain: 0,
  /** A text that has signs which mean something in a cell, or may. */
  text: 1,
  /** JSON: a list of labels, or the detail. */
  json: 2,
} as const

/**
 * Finds the members of an event in the bytes of its texts without reading them as JSON. It knows one spelling alone, the one in
 * which the ledger writes them (canonical JSON), and texts without escapes. It declines whatever is written otherwise: somebody
 * reads that as JSON.
 */
export class RowScan {
  /** Where each field begins and ends; 0 where the event has none. */
  readonly from = new Int32Array(FIELDS)
  readonly to = new Int32Array(FIELDS)
  readonly shape = new Uint8Array(FIELDS)
  #bytes: Uint8Array = new Uint8Array(0)
  #at = 0
  #end = 0

  /** Whether row `n` of a block is written as the ledger writes it; then its fields are found. */
  row({ bytes, marks }: RowBlock, n: number): boolean {
    const personalFrom = marks.personalFrom[n] ?? 0
    return (
      this.#entry(bytes, marks.entryFrom[n] ?? 0, marks.entryTo[n] ?? 0) &&
      (personalFrom === 0 || this.#personal(bytes, personalFrom, marks.personalTo[n] ?? 0))
    )
  }

  #entry(bytes: Uint8Array, from: number, to: number): boolean {
    this.from.fill(0)
    this.#begin(bytes, from, to)
    return (
      this.#member(ACTION, FIELD.action) &&
      this.#is(ACTOR) &&
      this.#perhaps(ACTOR_ID, FIELD.actorId, COMMA) &&
      this.#member(KIND, FIELD.actorKind, CLOSE) &&
      this.#perhaps(CLOCK, FIELD.clock) &&
      this.#perhaps(CORRELATION_ID, FIELD.correlationId) &&
      this.#perhaps(DEVICE_ID, FIELD.deviceId, CLOSE) &&
      this.#perhaps(ENFORCEMENT, FIELD.enforcement) &&
      this.#member(ID, FIELD.id) &&
      this.#labels() &&
      this.#member(OCCURRED_AT, FIELD.occurredAt) &&
      this.#member(OUTCOME, FIELD.outcome) &&
      this.#member(PERSONAL, FIELD.hidden, CLOSE) &&
      this.#policy() &&
      this.#member(RECORDED_AT, FIELD.recordedAt) &&
      this.#member(SOURCE, FIELD.source) &&
      (!this.#is(TARGET_ID) || (this.#text(FIELD.targetId) && this.#member(TYPE, FIELD.targetType, CLOSE))) &&
      this.#is(VERSION_1) &&
      this.#at === to
    )
  }

  #personal(bytes: Uint8Array, from: number, to: number): boolean {
    this.#begin(bytes, from, to)
    if (!this.#is(OPEN)) return false
    let isOver = false
    for (const { name, field } of PERSONAL_MEMBERS) {
      if (isOver || !this.#is(name)) continue
      if (!(field === FIELD.detail ? this.#detail() : this.#text(field))) return false
      isOver = !this.#is(COMMA)
    }
    // The names of what the entry does not have are no columns.
    if (this.from[FIELD.deviceId] === 0) this.from[FIELD.deviceName] = 0
    if (this.from[FIELD.targetId] === 0) this.from[FIELD.targetName] = 0
    return isOver && this.#is(CLOSE) && this.#at === to
  }

  #begin(bytes: Uint8Array, from: number, to: number): void {
    this.#bytes = bytes
    this.#at = from
    this.#end = to
  }

  #is(literal: Uint8Array): boolean {
    const bytes = this.#bytes
    const at = this.#at
    for (let n = 0; n < literal.length; n++) if (bytes[at + n] !== literal[n]) return false
    this.#at = at + literal.length
    return true
  }

  #member(name: Uint8Array, field: number, behind = NOTHING): boolean {
    return this.#is(name) && this.#text(field) && this.#is(behind)
  }

  #perhaps(name: Uint8Array, field: number, behind = NOTHING): boolean {
    return !this.#is(name) || (this.#text(field) && this.#is(behind))
  }

  /** A text and its closing quote. */
  #text(field: number): boolean {
    const bytes = this.#bytes
    const from = this.#at
    let at = from
    let kinds = 0
    for (; at < this.#end; at++) {
      const byte = bytes[at] ?? 0
      if (byte === QUOTE) break
      kinds |= KINDS[byte] ?? 0
    }
    if (at >= this.#end || (kinds & REFUSED) !== 0) return false
    this.from[field] = from
    this.to[field] = at
    const edges = (KINDS[bytes[from] ?? 0] ?? 0) | (KINDS[bytes[at - 1] ?? 0] ?? 0)
    this.shape[field] = at === from || ((kinds & CARE) | (edges & EDGE)) === 0 ? SHAPE.plain : SHAPE.text
    this.#at = at + 1
    return true
  }

  /** One label is a text, several are JSON. */
  #labels(): boolean {
    if (!this.#is(LABELS)) return true
    const from = this.#at - 1
    let count = 0
    do {
      if (!this.#is(OPEN_TEXT) || !this.#text(FIELD.labels)) return false
      count += 1
    } while (this.#is(COMMA))
    if (!this.#is(CLOSE_LIST)) return false
    if (count > 1) this.#foundJson(FIELD.labels, from)
    return true
  }

  #policy(): boolean {
    if (!this.#is(POLICY_ID)) return true
    return (
      this.#text(FIELD.policyId) &&
      this.#perhaps(RULE, FIELD.policyRule) &&
      this.#is(VERSION) &&
      this.#digits(FIELD.policyVersion) &&
      this.#is(CLOSE)
    )
  }

  /** A whole number as JSON has it, small enough to be exact. */
  #digits(field: number): boolean {
    const from = this.#at
    while (isDigit(this.#bytes[this.#at])) this.#at += 1
    if (this.#at === from || this.#at - from > MOST_DIGITS || this.#bytes[from] === ZERO) return false
    this.from[field] = from
    this.to[field] = this.#at
    this.shape[field] = SHAPE.plain
    return true
  }

  /** An object, as far as its braces go: whether it is JSON within is for its reader to say. */
  #detail(): boolean {
    const bytes = this.#bytes
    const from = this.#at
    if (bytes[from] !== OPEN[0]) return false
    let depth = 0
    let isText = false
    for (let at = from; at < this.#end; at++) {
      const byte = bytes[at]
      if (byte === BACKSLASH) at += 1
      else if (byte === QUOTE) isText = !isText
      else if (isText) continue
      else if (byte === OPEN[0]) depth += 1
      else if (byte === CLOSE[0] && --depth === 0) {
        this.#at = at + 1
        this.#foundJson(FIELD.detail, from)
        return true
      }
    }
    return false
  }

  #foundJson(field: number, from: number): void {
    this.from[field] = from
    this.to[field] = this.#at
    this.shape[field] = SHAPE.json
  }
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const ZERO = 0x30
const MOST_DIGITS = 15

function isDigit(byte = 0): boolean {
  return byte >= ZERO && byte <= 0x39
}

/** Means something anywhere in a cell, or may: a separator, or the beginning of a character that could be white space or a sign. */
const CARE = 1
/** Cannot be in a text of JSON as it is, or begins an escape. */
const REFUSED = 2
/** Means something at the beginning or the end of a cell. */
const EDGE = 4
const KINDS = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte < 0x20 || byte === BACKSLASH) return REFUSED
  if (byte < 0x80)
    return ',;|'.includes(String.fromCharCode(byte)) ? CARE : ' =+-@'.includes(String.fromCharCode(byte)) ? EDGE : 0
  // Of the white space and the signs that csvCell knows, all others are in U+0080–U+00BF, U+1000–U+3FFF and U+E000–U+FFFF.
  return byte === 0xc2 || (byte >= 0xe0 && byte <= 0xe3) || byte >= 0xee ? CARE : 0
})

const ENCODER = new TextEncoder()
const literal = (text: string) => ENCODER.encode(text)
const NOTHING = literal('')
const OPEN = literal('{')
const CLOSE = literal('}')
const OPEN_TEXT = literal('"')
const CLOSE_LIST = literal(']')
const COMMA = literal(',')
const ACTION = literal('{"action":"')
const ACTOR = literal(',"actor":{')
const ACTOR_ID = literal('"id":"')
const KIND = literal('"kind":"')
const CLOCK = literal(',"clock":"')
const CORRELATION_ID = literal(',"correlationId":"')
const DEVICE_ID = literal(',"device":{"id":"')
const ENFORCEMENT = literal(',"enforcement":"')
const ID = literal(',"id":"')
const LABELS = literal(',"labels":[')
const OCCURRED_AT = literal(',"occurredAt":"')
const OUTCOME = literal(',"outcome":"')
const PERSONAL = literal(',"personal":{"sha256":"')
const POLICY_ID = literal(',"policy":{"id":"')
const RULE = literal(',"rule":"')
const VERSION = literal(',"version":')
const RECORDED_AT = literal(',"recordedAt":"')
const SOURCE = literal(',"source":"')
const TARGET_ID = literal(',"target":{"id":"')
const TYPE = literal(',"type":"')
const VERSION_1 = literal(',"v":1}')
const PERSONAL_MEMBERS = [
  { name: literal('"actorEmail":"'), field: FIELD.actorEmail },
  { name: literal('"actorName":"'), field: FIELD.actorName },
  { name: literal('"address":"'), field: FIELD.address },
  { name: literal('"detail":'), field: FIELD.detail },
  { name: literal('"deviceName":"'), field: FIELD.deviceName },
  { name: literal('"reason":"'), field: FIELD.reason },
  { name: literal('"salt":"'), field: FIELD.hidden },
  { name: literal('"senderId":"'), field: FIELD.senderId },
  { name: literal('"targetName":"'), field: FIELD.targetName },
  { name: literal('"userAgent":"'), field: FIELD.userAgent },
  { name: literal('"words":"'), field: FIELD.words },
]
