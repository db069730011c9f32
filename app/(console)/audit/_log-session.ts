import type { EventRow, RowsAnswer, RowsPage } from './_rows.ts'

/** What is asked, as it travels. */
export type LogAsk = { q: string; from?: string; to?: string; order: 'newest' | 'oldest' }

export type LogState = {
  rows: readonly EventRow[]
  total: RowsPage['total'] | null
  searchedBackTo: string | null
  /** searching: on its way to the rows that are wanted · resting: has them, more follow · done: there are no more · stopped by the reader · slow: the server gave up · failed. */
  status: 'searching' | 'resting' | 'done' | 'stopped' | 'slow' | 'failed'
  /** Newer events, newest first, kept back while somebody reads. */
  waiting: readonly EventRow[]
  /** There are more waiting than were fetched: showing them starts the list anew. */
  isBehind: boolean
}

/** One search of the log as it goes on: page after page, also while its page is not on the screen. */
export type LogSession = {
  startedAt: number
  /** Where the window stood when an event was opened. */
  scrollY: number
  getState: () => LogState
  subscribe: (listener: () => void) => () => void
  /** Wants one more page of rows than there are. */
  more: () => void
  stop: () => void
  /** Starts, or goes on after `stop` or a failure; what was found stays. */
  goOn: () => void
  /** Looks for events newer than the newest known; they wait until `showWaiting`. */
  catchUp: () => Promise<void>
  showWaiting: () => void
}

export type FetchPage = (ask: LogAsk & { cursor: string | null; limit: number }) => Promise<RowsPage | 'slow'>
type FetchAt = (cursor: string | null) => ReturnType<FetchPage>

/** Rows of one page; the API gives no more. */
export const PAGE_ROWS = 200
/** Of newer events no more are fetched than this; whoever comes back after so many begins anew. */
const MOST_WAITING = 1_000

/** A search; `goOn` starts it. `first` is its first page of at most `firstLimit` rows, where the server has drawn it already. */
export function createLogSession(
  ask: LogAsk,
  fetchPage: FetchPage,
  first: RowsPage | null,
  firstLimit = PAGE_ROWS,
): LogSession {
  const found = new Found(first, firstLimit)
  const fetchAt: FetchAt = (cursor) => fetchPage({ ...ask, cursor, limit: PAGE_ROWS })
  const older = new Older(found, fetchAt)
  const newer = new Newer(found, fetchAt)
  return {
    startedAt: Date.now(),
    scrollY: 0,
    getState: () => found.state,
    subscribe: (listener) => found.subscribe(listener),
    more: () => older.more(),
    stop: () => found.set({ status: 'stopped' }),
    goOn: () => older.goOn(),
    // Oldest first, what is new comes with the last pages.
    catchUp: async () => (ask.order === 'newest' ? newer.catchUp() : undefined),
    showWaiting() {
      const { isBehind, waiting, rows } = found.state
      if (isBehind) return older.restart()
      if (waiting.length > 0) found.set({ rows: [...waiting, ...rows], waiting: [] })
    },
  }
}

const NOTHING: LogState = {
  rows: [],
  total: null,
  searchedBackTo: null,
  status: 'searching',
  waiting: [],
  isBehind: false,
}

/** What was found so far, and who listens to it. */
class Found {
  state: LogState = NOTHING
  /** Behind the oldest row; null before the first page, and behind the last. */
  cursor: string | null = null
  /** How often it began anew: what was asked for before belongs to none any more. */
  generation = 0
  readonly #listeners = new Set<() => void>()

  constructor(first: RowsPage | null, firstLimit: number) {
    if (!first) return
    this.add(first)
    // A first page that is not full was cut short by time.
    if (this.state.status === 'searching' && first.rows.length >= firstLimit) this.set({ status: 'resting' })
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  set(changes: Partial<LogState>): void {
    this.state = { ...this.state, ...changes }
    for (const listener of this.#listeners) listener()
  }

  add({ rows, nextCursor, searchedBackTo, total }: RowsPage): void {
    const { state } = this
    this.cursor = nextCursor
    this.set({
      rows: [...state.rows, ...rows],
      searchedBackTo,
      // A later page counts again and may have had less time for it.
      total: state.total && state.total.value > total.value ? state.total : total,
      status: nextCursor === null ? 'done' : state.status,
    })
  }

  clear(): void {
    this.generation++
    this.cursor = null
    this.set({ rows: [], total: null, searchedBackTo: null, waiting: [], isBehind: false })
  }
}

/** The way to the rows that are wanted, page after page. */
class Older {
  readonly #found: Found
  readonly #fetchAt: FetchAt
  #wanted = PAGE_ROWS
  #isRunning = false

  constructor(found: Found, fetchAt: FetchAt) {
    this.#found = found
    this.#fetchAt = fetchAt
  }

  more(): void {
    const { status, rows } = this.#found.state
    if (status !== 'resting') return
    this.#wanted = rows.length + PAGE_ROWS
    this.#search()
  }

  goOn(): void {
    this.#wanted = Math.max(this.#wanted, this.#found.state.rows.length + 1)
    this.#search()
  }

  restart(): void {
    this.#isRunning = false
    this.#wanted = PAGE_ROWS
    this.#found.clear()
    this.#search()
  }

  #search(): void {
    this.#found.set({ status: 'searching' })
    void this.#run()
  }

  #isWanting(): boolean {
    const { status, rows } = this.#found.state
    return status === 'searching' && rows.length < this.#wanted
  }

  /** The server ends a page after two seconds and says how far it came: a slow search is many such pages. */
  async #run(): Promise<void> {
    if (this.#isRunning) return
    this.#isRunning = true
    const found = this.#found
    const mine = found.generation
    try {
      while (this.#isWanting()) {
        const page = await this.#fetchAt(found.cursor)
        if (mine !== found.generation) return
        if (page === 'slow') found.set({ status: 'slow' })
        else found.add(page)
      }
      if (found.state.status === 'searching') found.set({ status: 'resting' })
    } catch {
      if (mine === found.generation) found.set({ status: 'failed' })
    } finally {
      if (mine === found.generation) this.#isRunning = false
    }
  }
}

/** Events that came since: fetched when something changed, and kept back. */
class Newer {
  readonly #found: Found
  readonly #fetchAt: FetchAt
  #isCatchingUp = false

  constructor(found: Found, fetchAt: FetchAt) {
    this.#found = found
    this.#fetchAt = fetchAt
  }

  async catchUp(): Promise<void> {
    const { status } = this.#found.state
    // A search under way has not found the newest of its matches for certain: what it will find is not new.
    if (this.#isCatchingUp || (status !== 'resting' && status !== 'done')) return
    this.#isCatchingUp = true
    const found = this.#found
    const mine = found.generation
    try {
      const newer = await this.#fetch(this.#newestKnown())
      if (mine !== found.generation || newer === null) return
      found.set({
        waiting: [...newer.rows, ...found.state.waiting],
        total: newer.total,
        isBehind: found.state.isBehind || newer.isBehind,
      })
    } catch {
      // The next change asks again; that the connection is lost is said elsewhere.
    } finally {
      this.#isCatchingUp = false
    }
  }

  #newestKnown(): number {
    const { waiting, rows } = this.#found.state
    return Math.max(-1, waiting[0]?.index ?? -1, rows[0]?.index ?? -1)
  }

  async #fetch(known: number) {
    const rows: EventRow[] = []
    let from: string | null = null
    for (;;) {
      const page = await this.#fetchAt(from)
      if (page === 'slow') return null
      const newer = page.rows.filter(({ index }) => index > known)
      rows.push(...newer)
      // An unfinished page has looked through what is new first.
      const isWhole = newer.length < page.rows.length || page.rows.length < PAGE_ROWS || page.nextCursor === null
      if (isWhole || rows.length >= MOST_WAITING) return { rows, total: page.total, isBehind: !isWhole }
      from = page.nextCursor
    }
  }
}

/** Asks the server for a page. @throws on any answer that is neither a page nor “takes too long” */
export const fetchRows: FetchPage = async ({ q, from, to, order, cursor, limit }) => {
  const query = new URLSearchParams({ q, order, limit: String(limit) })
  for (const [name, value] of Object.entries({ from, to, cursor })) if (value) query.set(name, value)
  const response = await fetch(`/audit/rows?${query}`, { headers: { accept: 'application/json' } })
  if (response.status === 503) return 'slow'
  if (!response.ok) throw new Error(`the log answered ${response.status}`)
  const answer = (await response.json()) as RowsAnswer // our own route; its type is this one
  if (!('signedOut' in answer)) return answer
  // The page itself knows where to sign in, and comes back here.
  window.location.reload()
  throw new Error('the session is over')
}
