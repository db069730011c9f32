import { createLogSession, fetchRows, type LogAsk, type LogSession } from './_log-session.ts'
import type { RowsPage } from './_rows.ts'

/** The searches of this browser tab that were looked at last: whoever comes back finds what was found meanwhile. */
const sessions = new Map<string, LogSession>()
const MOST_KEPT = 5
/** A span that ends now means another time after this. */
const STALE_MS = 600_000

const isBrowser = typeof window !== 'undefined'

/** The search of that name, where it goes on still. On the server there is none: its memory is everybody's. */
export function keptSession(key: string): LogSession | null {
  const kept = isBrowser ? sessions.get(key) : undefined
  if (!kept || Date.now() - kept.startedAt >= STALE_MS) return null
  sessions.delete(key)
  sessions.set(key, kept)
  return kept
}

/** Starts a search and keeps it, instead of the one that nobody looked at for longest. */
export function startSession(key: string, ask: LogAsk, first: RowsPage | null, firstLimit: number): LogSession {
  const session = createLogSession(ask, fetchRows, first, firstLimit)
  if (!isBrowser) return session
  sessions.delete(key)
  sessions.set(key, session)
  const [oldest] = sessions.keys()
  if (sessions.size > MOST_KEPT && oldest !== undefined) {
    sessions.get(oldest)?.stop()
    sessions.delete(oldest)
  }
  return session
}
