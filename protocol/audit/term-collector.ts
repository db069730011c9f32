import { Gatherer, TermList, TermNumbers } from '#lib/postings/gather.ts'
import { type Places, placesIn, stretchesOf } from '#lib/postings/places.ts'
import type { Singles, TermPlaces } from '#lib/postings/run.ts'
import { isUuid } from '#lib/uuid.ts'
import type { AuditEntry } from './entry.ts'
import type { PersonalValues } from './personal.ts'
import {
  addressTerms,
  detailTexts,
  hashOwn,
  hashTerm,
  MAX_REMEMBERED,
  MAX_TERMS,
  Memo,
  selfAndAncestors,
  TEXT_SCOPES,
  type TextScope,
  termsOf,
  textTerms,
} from './terms.ts'
import { fold } from './words.ts'

/** A term that was met before, which of the batch's it is, and the last place at which it was met. */
type Interned = { readonly hash: number; batch: number; number: number; last: number }

/** Where in an entry a value stands: the terms follow from both. */
const KEYS = [
  'outcome',
  'kind',
  'action',
  'source',
  'actor',
  'device',
  'target',
  'policy',
  'rule',
  'enforcement',
  'label',
  'correlation',
  'address',
] as const
type Part = (typeof KEYS)[number] | `text ${TextScope}`

type Terms = readonly Interned[]
/** What one part had before. Neighbours mostly have the same: the last value is at hand without a search. */
type Values = { last: string | undefined; terms: Terms; known: Memo<Terms> }
/** `terms` lets parts share what they have in common. */
type Known = { parts: Record<Part, Values>; terms: Memo<Interned> }

const known = new Memo<Known>(32)
const VALUES_REMEMBERED = 20_000
const TERMS_REMEMBERED = 60_000

function nothingKnown(): Known {
  const parts = [...KEYS, ...TEXT_SCOPES.map((scope) => `text ${scope}` as const)]
  const values = (): Values => ({ last: undefined, terms: [], known: new Memo(VALUES_REMEMBERED) })
  // Every part is in the list.
  return {
    parts: Object.fromEntries(parts.map((part) => [part, values()])) as Record<Part, Values>,
    terms: new Memo(TERMS_REMEMBERED),
  }
}

/** Where terms stand: each with its places, ascending, and apart from them those that stand at one place only. */
export type Collected = { terms: readonly TermPlaces[]; singles: Singles }

let batches = 0

/**
 * Collects where the terms of neighbouring entries stand. The same terms as `termsOf` gives, a test holds them equal; what comes
 * again with every event (actions, people, files, addresses) is hashed once and remembered, part by part.
 */
export class TermCollector {
  readonly #tenantId: string
  readonly #known: Known
  readonly #batch = ++batches
  /** By the number of a term in the batch. */
  readonly #hashes: number[] = []
  readonly #gatherer = new Gatherer()
  readonly #singles: { hashes: number[]; places: number[] } = { hashes: [], places: [] }
  // Of the entry in hand.
  readonly #parts: Terms[] = []
  #partCount = 0
  #terms = 0

  constructor(tenantId: string) {
    this.#tenantId = tenantId
    this.#known = known.get(tenantId) ?? known.set(tenantId, nothingKnown())
  }

  /** Adds an entry; places must rise. `personal` is absent once it has been erased. */
  add(entry: AuditEntry, personal: PersonalValues | undefined, place: number): void {
    this.#partCount = 0
    this.#terms = 0
    const singles = this.#singles.hashes.length
    this.#takeEntry(entry)
    if (personal) this.#takePersonal(personal)
    // Too many perhaps: `termsOf` knows which ones to leave out.
    if (this.#terms + this.#singles.hashes.length - singles > MAX_TERMS) {
      this.#partCount = 0
      this.#singles.hashes.length = singles
      this.#add(termsOf(entry, personal).map((term) => this.#intern(term)))
    }
    for (let n = 0; n < this.#partCount; n++) for (const term of this.#parts[n] as Terms) this.#touch(term, place)
    while (this.#singles.places.length < this.#singles.hashes.length) this.#singles.places.push(place)
  }

  /** What was added, as `buildRun` takes it: no hash twice. */
  collected(): Collected {
    const repeated = this.#repeated()
    const shared = new Map([...repeated].map((hash) => [hash, new Set<number>()]))
    const list = new TermList()
    const { stretches, ends } = this.#gatherer.gathered(this.#hashes.length)
    for (let n = 0, from = 0; n < ends.length; from = ends[n++] as number) {
      const hash = this.#hashes[n] as number
      const others = repeated.size === 0 ? undefined : shared.get(hash)
      if (others) for (const place of placesIn(stretches.subarray(from, ends[n]))) others.add(place)
      else list.add(hash, stretches, from, ends[n] as number)
    }
    for (let n = 0; n < this.#singles.hashes.length; n++) {
      const [hash, place] = [this.#singles.hashes[n] as number, this.#singles.places[n] as number]
      const others = repeated.size === 0 ? undefined : shared.get(hash)
      if (others) others.add(place)
      else list.addSingle(hash, place)
    }
    for (const [hash, all] of shared) list.terms.push({ hash, stretches: stretchesOf([...all].sort((a, b) => a - b)) })
    return list
  }

  /** Each term once with its places, ascending. */
  places(): Map<number, Places> {
    const { terms, singles } = this.collected()
    const byHash = new Map<number, Places>()
    for (const { hash, stretches } of terms) byHash.set(hash, placesIn(stretches))
    for (const [n, hash] of singles.hashes.entries()) byHash.set(hash, singles.places.slice(n, n + 1))
    return byHash
  }

  /** Two terms of one hash, an id that came twice, or a term that was forgotten in between. */
  #repeated(): ReadonlySet<number> {
    const numbers = new TermNumbers()
    const repeated = new Set<number>()
    let different = 0
    for (const hashes of [this.#hashes, this.#singles.hashes])
      for (const hash of hashes) {
        if (numbers.numberOf(hash) < different) repeated.add(hash)
        else different++
      }
    return repeated
  }

  #takeEntry(entry: AuditEntry): void {
    const { actor, device, labels, policy, target, correlationId } = entry
    this.#take('outcome', entry.outcome)
    this.#take('kind', actor.kind)
    this.#take('action', entry.action)
    this.#take('source', entry.source)
    this.#single(hashOwn(entry.id))
    if (actor.id !== undefined) this.#take('actor', actor.id)
    if (device !== undefined) this.#take('device', device.id)
    if (target !== undefined) this.#take('target', target.id)
    if (policy !== undefined) this.#take('policy', policy.id)
    if (policy?.rule !== undefined) this.#take('rule', policy.rule)
    if (entry.enforcement !== undefined) this.#take('enforcement', entry.enforcement)
    if (labels !== undefined) for (const label of labels) this.#take('label', label)
    if (correlationId !== undefined) this.#take('correlation', correlationId)
  }

  #takePersonal(personal: PersonalValues): void {
    const { senderId } = personal
    const id = senderId?.toLowerCase()
    if (id !== undefined && isUuid(id)) this.#single(hashTerm(this.#tenantId, `id:${id}`))
    else this.#text('other', senderId)
    if (personal.address !== undefined) this.#take('address', personal.address)
    this.#text('actor', personal.actorName)
    this.#text('actor', personal.actorEmail)
    this.#text('device', personal.deviceName)
    this.#text('target', personal.targetName)
    this.#text('reason', personal.reason)
    this.#text('other', personal.words)
    if (personal.detail !== undefined)
      for (const value of Object.values(personal.detail))
        for (const text of detailTexts(value)) this.#text('other', text)
  }

  #text(scope: TextScope, text: string | undefined): void {
    if (text === undefined) return
    if (text.length <= MAX_REMEMBERED) this.#take(`text ${scope}`, text)
    else this.#add(textTerms(scope, text).map((term) => this.#intern(term)))
  }

  /** Ids of single events never come again: remembering them would push out what does. */
  #single(hash: number): void {
    this.#singles.hashes.push(hash)
  }

  #take(part: Part, value: string): void {
    const values = this.#known.parts[part]
    if (values.last !== value) {
      const { known } = values
      values.terms = known.get(value) ?? known.set(value, this.#termsOf(part, value))
      values.last = value
    }
    this.#add(values.terms)
  }

  #termsOf(part: Part, value: string): Terms {
    // A correlation is shared by neighbours or by nobody: among the terms of all it would push out what comes again. So would whole
    // addresses, of which nothing else has the terms.
    return termsOfPart(part, value).map((term, n) =>
      part === 'correlation' || (part === 'address' && n === 0) ? this.#intern(term) : this.#remembered(term),
    )
  }

  #add(terms: Terms): void {
    this.#parts[this.#partCount++] = terms
    this.#terms += terms.length
  }

  #remembered(term: string): Interned {
    const { terms } = this.#known
    return terms.get(term) ?? terms.set(term, this.#intern(term))
  }

  #intern(term: string): Interned {
    return { hash: hashTerm(this.#tenantId, term), batch: 0, number: 0, last: 0 }
  }

  #touch(term: Interned, place: number): void {
    if (term.batch !== this.#batch) {
      term.batch = this.#batch
      term.number = this.#hashes.push(term.hash) - 1
    } else if (term.last === place) return
    term.last = place
    this.#gatherer.add(term.number, place, place + 1)
  }
}

function termsOfPart(part: Part, value: string): readonly string[] {
  switch (part) {
    case 'outcome':
    case 'enforcement':
    case 'actor':
    case 'device':
    case 'policy':
      return [`${part}:${value}`]
    case 'correlation':
      return isUuid(value) ? [`id:${value}`] : []
    case 'kind':
      return [`actor.kind:${value}`]
    case 'rule':
      return [`policy.rule:${fold(value)}`]
    case 'action':
      return [...selfAndAncestors(value, '.').map((under) => `action:${under}`), ...textTerms('other', value)]
    case 'source':
      return selfAndAncestors(fold(value), ':').map((under) => `source:${under}`)
    case 'target':
      return isUuid(value) ? [`target:${value}`] : textTerms('target', value)
    case 'label':
      return [`label:${fold(value)}`, ...textTerms('other', value)]
    case 'address':
      return addressTerms(value)
    default: {
      const scope = TEXT_SCOPES.find((name) => part === `text ${name}`)
      return scope ? textTerms(scope, value) : []
    }
  }
}
