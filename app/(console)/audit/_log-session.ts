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
  const listeners = new Set<() => void>()
  let cursor: string | null = null
  let wanted = PAGE_ROWS
  let isRunning = false
  let isCatchingUp = false
  let generation = 0
  let state: LogState = {
    rows: [],
    total: null,
    searchedBackTo: null,
    status: 'searching',
    waiting: [],
    isBehind: false,
  }

  function set(changes: Partial<LogState>) {
    state = { ...state, ...changes }
    for (const listener of listeners) listener()
  }

  function add({ rows, nextCursor, searchedBackTo, total }: RowsPage) {
    cursor = nextCursor
    set({
      rows: [...state.rows, ...rows],
      searchedBackTo,
      // A later page counts again and may have had less time for it.
      total: state.total && state.total.value > total.value ? state.total : total,
      status: nextCursor === null ? 'done' : state.status,
    })
  }

  const isWanting = () => state.status === 'searching' && state.rows.length < wanted

  /** The server ends a page after two seconds and says how far it came: a slow search is many such pages. */
  async function run() {
    if (isRunning) return
    isRunning = true
    const mine = generation
    try {
      while (isWanting()) {
        const page = await fetchPage({ ...ask, cursor, limit: PAGE_ROWS })
        if (mine !== generation) return
        if (page === 'slow') set({ status: 'slow' })
        else add(page)
      }
      if (state.status === 'searching') set({ status: 'resting' })
    } catch {
      if (mine === generation) set({ status: 'failed' })
    } finally {
      if (mine === generation) isRunning = false
    }
  }

  function search() {
    set({ status: 'searching' })
    void run()
  }

  function restart() {
    generation++
    isRunning = false
    cursor = null
    wanted = PAGE_ROWS
    set({ rows: [], total: null, searchedBackTo: null, waiting: [], isBehind: false })
    search()
  }

  const newestKnown = () => Math.max(-1, state.waiting[0]?.index ?? -1, state.rows[0]?.index ?? -1)

  async function catchUp() {
    // A search under way has not found the newest of its matches for certain: what it will find is not new.
    if (isCatchingUp || ask.order !== 'newest' || (state.status !== 'resting' && state.status !== 'done')) return
    isCatchingUp = true
    const mine = generation
    try {
      const newer = await fetchNewer(newestKnown())
      if (mine !== generation || newer === null) return
      set({
        waiting: [...newer.rows, ...state.waiting],
        total: newer.total,
        isBehind: state.isBehind || newer.isBehind,
      })
    } catch {
      // The next change asks again; that the connection is lost is said elsewhere.
    } finally {
      isCatchingUp = false
    }
  }

  async function fetchNewer(known: number) {
    const rows: EventRow[] = []
    let from: string | null = null
    for (;;) {
      const page = await fetchPage({ ...ask, cursor: from, limit: PAGE_ROWS })
      if (page === 'slow') return null
      const newer = page.rows.filter(({ index }) => index > known)
      rows.push(...newer)
      // An unfinished page has looked through what is new first.
      const isWhole = newer.length < page.rows.length || page.rows.length < PAGE_ROWS || page.nextCursor === null
      if (isWhole || rows.length >= MOST_WAITING) return { rows, total: page.total, isBehind: !isWhole }
      from = page.nextCursor
    }
  }

  if (first) {
    add(first)
    // A first page that is not full was cut short by time.
    if (state.status === 'searching' && first.rows.length >= firstLimit) state = { ...state, status: 'resting' }
  }
  return {
    startedAt: Date.now(),
    scrollY: 0,
    getState: () => state,
    subscribe: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    more() {
      if (state.status !== 'resting') return
      wanted = state.rows.length + PAGE_ROWS
      search()
    },
    stop: () => set({ status: 'stopped' }),
    goOn() {
      wanted = Math.max(wanted, state.rows.length + 1)
      search()
    },
    catchUp,
    showWaiting() {
      if (state.isBehind) return restart()
      if (state.waiting.length > 0) set({ rows: [...state.waiting, ...state.rows], waiting: [] })
    },
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
