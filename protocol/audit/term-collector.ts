import { isUuid } from '#lib/uuid.ts'
import type { AuditEntry } from './entry.ts'
import type { PersonalValues } from './personal.ts'
import {
  addressTerms,
  detailTexts,
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

/** A term that was met before, with the places at which the batch in hand has it. */
type Interned = { readonly hash: number; batch: number; places: number[] }

/** Where in an entry a value stands: the terms follow from both. */
type Part =
  | 'outcome'
  | 'kind'
  | 'action'
  | 'source'
  | 'actor'
  | 'device'
  | 'target'
  | 'policy'
  | 'rule'
  | 'enforcement'
  | 'label'
  | 'address'
  | `text ${TextScope}`

type Terms = readonly Interned[]
/** `terms` lets parts share what they have in common. */
type Known = { parts: Map<Part, Memo<Terms>>; terms: Memo<Interned> }

const known = new Memo<Known>(32)
const VALUES_REMEMBERED = 20_000
const TERMS_REMEMBERED = 60_000

let batches = 0

/**
 * Collects where the terms of neighbouring entries stand. The same terms as `termsOf` gives, a test holds them equal; what comes
 * again with every event (actions, people, files, addresses) is hashed once and remembered, part by part.
 */
export class TermCollector {
  readonly #tenantId: string
  readonly #known: Known
  readonly #batch = ++batches
  #touched: Interned[] = []
  #parts: Terms[] = []
  #terms = 0

  constructor(tenantId: string) {
    this.#tenantId = tenantId
    this.#known = known.get(tenantId) ?? known.set(tenantId, { parts: new Map(), terms: new Memo(TERMS_REMEMBERED) })
  }

  /** Adds an entry; places must rise. `personal` is absent once it has been erased. */
  add(entry: AuditEntry, personal: PersonalValues | undefined, place: number): void {
    this.#parts = []
    this.#terms = 0
    this.#takeEntry(entry)
    if (personal) this.#takePersonal(personal)
    // Too many perhaps: `termsOf` knows which ones to leave out.
    if (this.#terms > MAX_TERMS) this.#parts = [termsOf(entry, personal).map((term) => this.#intern(term))]
    for (const terms of this.#parts) for (const term of terms) this.#touch(term, place)
  }

  /** Each term once with its places, ascending. */
  places(): Map<number, readonly number[]> {
    const byHash = new Map<number, readonly number[]>()
    const shared = new Map<number, (readonly number[])[]>()
    for (const { hash, places } of this.#touched) {
      const other = byHash.get(hash)
      // Two terms of one hash, or one that was forgotten in between.
      if (other) shared.set(hash, [...(shared.get(hash) ?? [other]), places])
      else byHash.set(hash, places)
    }
    for (const [hash, all] of shared)
      byHash.set(
        hash,
        [...new Set(all.flat())].sort((a, b) => a - b),
      )
    return byHash
  }

  #takeEntry(entry: AuditEntry): void {
    const { actor, device, labels, policy, target, correlationId } = entry
    this.#take('outcome', entry.outcome)
    this.#take('kind', actor.kind)
    this.#take('action', entry.action)
    this.#take('source', entry.source)
    this.#once(`own:${entry.id}`)
    if (actor.id !== undefined) this.#take('actor', actor.id)
    if (device !== undefined) this.#take('device', device.id)
    if (target !== undefined) this.#take('target', target.id)
    if (policy !== undefined) this.#take('policy', policy.id)
    if (policy?.rule !== undefined) this.#take('rule', policy.rule)
    if (entry.enforcement !== undefined) this.#take('enforcement', entry.enforcement)
    if (labels !== undefined) for (const label of labels) this.#take('label', label)
    if (correlationId !== undefined && isUuid(correlationId)) this.#once(`id:${correlationId}`)
  }

  #takePersonal(personal: PersonalValues): void {
    const { senderId } = personal
    const id = senderId?.toLowerCase()
    if (id !== undefined && isUuid(id)) this.#once(`id:${id}`)
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
  #once(term: string): void {
    this.#add([this.#intern(term)])
  }

  #take(part: Part, value: string): void {
    const { parts } = this.#known
    let values = parts.get(part)
    if (!values) {
      values = new Memo(VALUES_REMEMBERED)
      parts.set(part, values)
    }
    this.#add(
      values.get(value) ??
        values.set(
          value,
          termsOfPart(part, value).map((term) => this.#remembered(term)),
        ),
    )
  }

  #add(terms: Terms): void {
    this.#parts.push(terms)
    this.#terms += terms.length
  }

  #remembered(term: string): Interned {
    const { terms } = this.#known
    return terms.get(term) ?? terms.set(term, this.#intern(term))
  }

  #intern(term: string): Interned {
    return { hash: hashTerm(this.#tenantId, term), batch: 0, places: [] }
  }

  #touch(term: Interned, place: number): void {
    if (term.batch !== this.#batch) {
      term.batch = this.#batch
      term.places = []
      this.#touched.push(term)
    }
    const { places } = term
    if (places[places.length - 1] !== place) places.push(place)
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
      return addressTerms({ address: value })
    default: {
      const scope = TEXT_SCOPES.find((name) => part === `text ${name}`)
      return scope ? textTerms(scope, value) : []
    }
  }
}
