const SETTLE_MS = 200
const PATIENCE_MS = 3_000

type Listening = { url: string; names: string[]; onChange: () => void; onLost: (lost: boolean) => void }

/**
 * Listens to an event stream and calls `onChange` once for what comes together, also after a loss; `onLost` is told after
 * three seconds without a connection. Ends when what it returns is called.
 */
export function listenLive({ url, names, onChange, onLost }: Listening): () => void {
  const timers: {
    settle?: ReturnType<typeof setTimeout> | undefined
    patience?: ReturnType<typeof setTimeout> | undefined
    retry?: ReturnType<typeof setTimeout> | undefined
  } = {}
  let source: EventSource
  // Also before the first connection: what happened since the server drew the page was not heard.
  let missed = true

  /** The first of several starts the wait: where something changes all the time, it is told all the same. */
  function changed() {
    timers.settle ??= setTimeout(() => {
      timers.settle = undefined
      onChange()
    }, SETTLE_MS)
  }
  function connected() {
    clearTimeout(timers.patience)
    timers.patience = undefined
    onLost(false)
    if (missed) changed() // what happened in between was not heard
    missed = false
  }
  function dropped() {
    missed = true
    timers.patience ??= setTimeout(() => onLost(true), PATIENCE_MS)
    // The browser tries again by itself unless the answer was an error status.
    if (source.readyState === EventSource.CLOSED) timers.retry = setTimeout(connect, PATIENCE_MS)
  }
  function connect() {
    source = new EventSource(url)
    source.onopen = connected
    source.onerror = dropped
    source.onmessage = changed
    for (const name of names) source.addEventListener(name, changed)
  }
  connect()
  return () => {
    for (const timer of Object.values(timers)) clearTimeout(timer)
    source.close()
  }
}
