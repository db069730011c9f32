import { isSessionAlive } from '#server/identity/queries.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import { type Change, listenForChanges } from '#server/kernel/notify.ts'

const HEARTBEAT_MS = 15_000
/** What may end a session: after these it is looked up again at once. */
const ENDING: ReadonlySet<string> = new Set(['session', 'person', 'tenant', 'auth'])

/** Streams of one session: a browser opens one a tab, and six at most. A newer one ends the oldest. */
const PER_SESSION = 12
const open = new Map<string, Set<() => void>>()

/** Counts a stream until what it returns is called. */
function countStream(sessionId: string, end: () => void): () => void {
  const streams = open.get(sessionId) ?? new Set()
  const [oldest] = streams
  if (oldest && streams.size >= PER_SESSION) oldest()
  open.set(sessionId, streams.add(end))
  return () => {
    streams.delete(end)
    if (streams.size === 0 && open.get(sessionId) === streams) open.delete(sessionId)
  }
}

type Sink = { send: (text: string) => void; close: () => void }

/**
 * The changes of the person's organisation as an event stream: `data: {"topics":[…]}`, nouns only, no content. It ends when
 * the session does. `topics` keeps only those.
 */
export function liveStream(
  actor: PersonActor,
  topics: ReadonlySet<string> | null,
  signal: AbortSignal,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder()
  let end = () => {}
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller) {
      const sink: Sink = {
        send: (text) => controller.enqueue(encoder.encode(text)),
        close: () => controller.close(),
      }
      end = follow(actor, topics, sink)
      signal.addEventListener('abort', () => end(), { once: true })
      sink.send('retry: 2000\n\n: open\n\n')
    },
    cancel: () => end(),
  })
}

function follow(actor: PersonActor, topics: ReadonlySet<string> | null, sink: Sink): () => void {
  let isOpen = true
  const end = () => {
    if (!isOpen) return
    isOpen = false
    clearInterval(timer)
    stop()
    uncount()
    try {
      sink.close()
    } catch {
      // The browser went first: the stream is closed already.
    }
  }
  const check = async () => {
    const isAlive = await isSessionAlive(actor).catch(() => true)
    if (!isAlive) end()
    else if (isOpen) sink.send(': beat\n\n')
  }
  const timer = setInterval(() => void check(), HEARTBEAT_MS)
  const stop = listenForChanges((change) => {
    const told = topicsFor(change, actor.tenantId)
    if (told.some((topic) => ENDING.has(topic))) void check()
    const wanted = topics ? told.filter((topic) => topics.has(topic) || topic === 'reconnected') : told
    if (isOpen && wanted.length > 0) sink.send(`data: ${JSON.stringify({ topics: wanted })}\n\n`)
  })
  const uncount = countStream(actor.sessionId, end)
  return end
}

function topicsFor(change: Change | 'reconnected', tenantId: string): string[] {
  if (change === 'reconnected') return ['reconnected']
  return change.tenantId === tenantId ? change.topics.filter((topic) => !topic.includes(':')) : []
}
