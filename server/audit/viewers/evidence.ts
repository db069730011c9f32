import 'server-only'
import { eachMatch, type MatchesAsk } from '../matches.ts'
import type { Candidate } from '../scan.ts'
import type { StoredEntry } from '../stored.ts'
import type { Family } from './lineage.ts'
import { VIEWING_ACTIONS, viewersQuery } from './question.ts'

/** Copies whose events are asked for by their own ids in one question. */
export const COPIES_AT_ONCE = 40

const ACTIONS = VIEWING_ACTIONS.map((action) => `action:${action}`).join(' OR ')

type Question = { q: string; isCounted: (targetId: string | undefined, correlationId: string | undefined) => boolean }

/**
 * What our server and devices write about a copy is correlated with the root. Apps and imports know a copy by its own id alone:
 * those are asked for by it, and what the first question found is not counted again.
 */
function* questions({ root, files }: Family): Generator<Question> {
  // Without copies nothing is correlated with it, and the index alone decides.
  if (files.length === 1) return yield { q: `(${ACTIONS}) target:${root.id}`, isCounted: () => true }
  const ids = new Set(files.map(({ id }) => id))
  yield {
    q: viewersQuery(root.id),
    // The id may stand in somebody's text, too.
    isCounted: (target, correlation) => target === root.id || (correlation === root.id && ids.has(target ?? '')),
  }
  const copies = files.filter(({ id }) => id !== root.id)
  for (let at = 0; at < copies.length; at += COPIES_AT_ONCE) {
    const targets = copies.slice(at, at + COPIES_AT_ONCE).map(({ id }) => `target:${id}`)
    yield {
      q: `(${ACTIONS}) (source:app OR source:import) (${targets.join(' OR ')})`,
      isCounted: (_target, correlation) => correlation !== root.id,
    }
  }
}

/** Which part of the log: bounds of when it occurred, and its size. */
export type Reach = Pick<MatchesAsk, 'from' | 'to'> & { asOf: number }

/** Every event that counts for the answer, page by page; those of one question after those of another. */
export async function* eachEvent(tenantId: string, family: Family, reach: Reach): AsyncGenerator<Candidate[], void> {
  for (const question of questions(family)) yield* eventsOf(tenantId, question, reach)
}

async function* eventsOf(
  tenantId: string,
  { q, isCounted }: Question,
  reach: Reach,
): AsyncGenerator<Candidate[], void> {
  for await (const { items } of eachMatch(tenantId, { ...reach, q, order: 'oldest' }))
    yield items.filter(({ entry }) => isCounted(entry.target?.id, entry.correlationId))
}

/** The same events in the order of the log, as a bundle takes them. */
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
