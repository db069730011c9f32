import 'server-only'
import { setImmediate } from 'node:timers/promises'
import { eachMatch, type MatchesAsk } from '../matches.ts'
import { readingAhead } from '../reading-ahead.ts'
import type { Candidate } from '../scan.ts'
import type { StoredEntry } from '../stored.ts'
import { eachCandidateAsStored } from '../stored-matches.ts'
import { isWithin, rangeOf } from '../time-range.ts'
import { knownFrom } from '../view.ts'
import type { Family } from './lineage.ts'
import { VIEWING_ACTIONS, viewersQuery } from './question.ts'
import { type Sight, SightReader, sightOf } from './sight.ts'

/** Copies whose events are asked for by their own ids in one question. */
export const COPIES_AT_ONCE = 40

const ACTIONS = VIEWING_ACTIONS.map((action) => `action:${action}`).join(' OR ')

/** `isCounted` says of what the index found, whatever else stands in it, whether it is an event of this question. */
type Question = { q: string; isCounted: (told: Told) => boolean }
type Told = Pick<Sight, 'source' | 'targetId' | 'correlationId'>

/**
 * What our server and devices write about a copy is correlated with the root. Apps and imports know a copy by its own id alone:
 * those are asked for by it, and what the first question found is not counted again.
 */
export function* questions({ root, files }: Family): Generator<Question> {
  if (files.length === 1)
    // Without copies nothing is correlated with it, and the index alone decides.
    return yield { q: `(${ACTIONS}) target:${root.id}`, isCounted: ({ targetId }) => targetId === root.id }
  const ids = new Set(files.map(({ id }) => id))
  yield {
    q: viewersQuery(root.id),
    // The id may stand in somebody's text, too.
    isCounted: ({ targetId, correlationId }) =>
      targetId === root.id || (correlationId === root.id && ids.has(targetId ?? '')),
  }
  const copies = files.filter(({ id }) => id !== root.id)
  for (let at = 0; at < copies.length; at += COPIES_AT_ONCE) {
    const some = new Set(copies.slice(at, at + COPIES_AT_ONCE).map(({ id }) => id))
    yield {
      q: `(${ACTIONS}) (source:app OR source:import) (${[...some].map((id) => `target:${id}`).join(' OR ')})`,
      isCounted: ({ source, targetId, correlationId }) =>
        correlationId !== root.id && some.has(targetId ?? '') && OTHERS.has(knownFrom(source)),
    }
  }
}

/** Who states what is asked for by the ids of copies. */
const OTHERS: ReadonlySet<string> = new Set(['app', 'import'])

/** So many are read before whoever waits has a turn. */
const TURN_ROWS = 512

/** Which part of the log: bounds of when it occurred, and its size. */
export type Reach = Pick<MatchesAsk, 'from' | 'to'> & { asOf: number }

/**
 * What every event tells that counts for the answer, some hundreds at a time; those of one question after those of another. Of a row
 * no more is read than is told. May hold events of other actions, which count for nothing.
 */
export async function* eachSight(tenantId: string, family: Family, reach: Reach): AsyncGenerator<Sight[], void> {
  const range = rangeOf(reach)
  const reader = new SightReader()
  for (const { q, isCounted } of questions(family))
    for await (const { rows } of readingAhead(eachCandidateAsStored(tenantId, { ...reach, q })))
      for (let from = 0; from < rows.count; from += TURN_ROWS) {
        const sights: Sight[] = []
        for (let n = from; n < Math.min(rows.count, from + TURN_ROWS); n++) {
          const sight = reader.read(rows, n)
          if (isCounted(sight) && isWithin({ entry: sight }, range)) sights.push(sight)
        }
        yield sights
        // The database goes on sending only while it is listened to; and others have a turn.
        await setImmediate()
      }
}

async function* eventsOf(
  tenantId: string,
  { q, isCounted }: Question,
  reach: Reach,
): AsyncGenerator<Candidate[], void> {
  for await (const { items } of eachMatch(tenantId, { ...reach, q, order: 'oldest' }))
    yield items.filter((item) => isCounted(sightOf(item)))
}

/** The events themselves in the order of the log, as a bundle takes them. */
export async function* evidenceOf(tenantId: string, family: Family, reach: Reach): AsyncGenerator<StoredEntry[], void> {
  const sources = [...questions(family)].map((question) => new Source(eventsOf(tenantId, question, reach)))
  await Promise.all(sources.map((source) => source.fill()))
  for (;;) {
    const [first, second] = sources
      .filter(({ place }) => place !== null)
      .sort((a, b) => (a.place ?? 0) - (b.place ?? 0))
    if (!first) return
    const batch = first.takeBelow(second?.place ?? Number.POSITIVE_INFINITY)
    yield batch.map(storedOf)
    await first.fill()
  }
}

/** One question's events and how far they were taken. */
class Source {
  readonly #pages: AsyncGenerator<Candidate[], void>
  #items: Candidate[] = []

  constructor(pages: AsyncGenerator<Candidate[], void>) {
    this.#pages = pages
  }

  /** The next event's index; null when there is none. */
  get place(): number | null {
    return this.#items[0]?.index ?? null
  }

  async fill(): Promise<void> {
    while (this.#items.length === 0) {
      const next = await this.#pages.next()
      if (next.done) return
      this.#items = next.value
    }
  }

  takeBelow(index: number): Candidate[] {
    const end = this.#items.findIndex((item) => item.index >= index)
    return this.#items.splice(0, end === -1 ? this.#items.length : end)
  }
}

function storedOf({ index, recordedAt, text, personalText }: Candidate): StoredEntry {
  return { index, recordedAt, text, personal: personalText }
}
