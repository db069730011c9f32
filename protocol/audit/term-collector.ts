import type { AuditEntry } from './entry.ts'
import type { PersonalValues } from './personal.ts'
import {
  addressTerms,
  hashTerm,
  keysOf,
  MAX_REMEMBERED,
  MAX_TERMS,
  Memo,
  type TextScope,
  termsOf,
  textsOf,
  textTerms,
} from './terms.ts'

/** A term that was met before, with the places at which the batch in hand has it. */
type Interned = { readonly hash: number; batch: number; places: number[] }

type Known = { terms: Memo<Interned>; texts: Memo<readonly Interned[]> }

const known = new Memo<Known>(32)
const TERMS_REMEMBERED = 60_000
const TEXTS_REMEMBERED = 20_000
let batches = 0

/**
 * Collects where the terms of neighbouring entries stand. The same terms as `termsOf` gives, a test holds them equal; what comes
 * again with every event (actions, names, addresses) is hashed once and remembered.
 */
export class TermCollector {
  readonly #tenantId: string
  readonly #known: Known
  readonly #batch = ++batches
  #touched: Interned[] = []

  constructor(tenantId: string) {
    this.#tenantId = tenantId
    this.#known =
      known.get(tenantId) ??
      known.set(tenantId, { terms: new Memo(TERMS_REMEMBERED), texts: new Memo(TEXTS_REMEMBERED) })
  }

  /** Adds an entry; places must rise. `personal` is absent once it has been erased. */
  add(entry: AuditEntry, personal: PersonalValues | undefined, place: number): void {
    const keys = [...keysOf(entry, personal), ...addressTerms(personal)]
    const texts = textsOf(entry, personal).map(([scope, text]) => this.#textTerms(scope, text))
    const most = texts.reduce((sum, terms) => sum + terms.length, keys.length)
    // Too many perhaps: `termsOf` knows which ones to leave out.
    if (most > MAX_TERMS) {
      for (const term of termsOf(entry, personal)) this.#addTerm(term, place)
      return
    }
    for (const key of keys) this.#addTerm(key, place)
    for (const terms of texts) for (const term of terms) this.#touch(term, place)
  }

  /** Each term once with its places, ascending. */
  places(): Map<number, readonly number[]> {
    const byHash = new Map<number, number[]>()
    for (const { hash, places } of this.#touched) {
      const other = byHash.get(hash)
      // Two terms of one hash, or one that was forgotten in between.
      if (other)
        byHash.set(
          hash,
          [...new Set([...other, ...places])].sort((a, b) => a - b),
        )
      else byHash.set(hash, places)
    }
    return byHash
  }

  #addTerm(term: string, place: number): void {
    // Ids of single events never come again: remembering them would push out what does.
    if (term.startsWith('own:') || term.startsWith('id:')) this.#touch(this.#intern(term), place)
    else this.#touch(this.#remembered(term), place)
  }

  #remembered(term: string): Interned {
    return this.#known.terms.get(term) ?? this.#known.terms.set(term, this.#intern(term))
  }

  #intern(term: string): Interned {
    return { hash: hashTerm(this.#tenantId, term), batch: 0, places: [] }
  }

  #textTerms(scope: TextScope, text: string): readonly Interned[] {
    const terms = () => textTerms(scope, text).map((term) => this.#remembered(term))
    if (text.length > MAX_REMEMBERED) return terms()
    const key = `${scope} ${text}`
    return this.#known.texts.get(key) ?? this.#known.texts.set(key, terms())
  }

  #touch(term: Interned, place: number): void {
    if (term.batch !== this.#batch) {
      term.batch = this.#batch
      term.places = []
      this.#touched.push(term)
    }
    if (term.places.at(-1) !== place) term.places.push(place)
  }
}
