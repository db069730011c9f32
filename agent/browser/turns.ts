/** Whose turn it is to stay connected: one tab at a time, the next one when it closes. */
export type Turns = {
  isMine(): boolean
  /** Whether any tab has it; one that sleeps has it, too. */
  isTaken(): Promise<boolean>
  /**
   * Waits for the turn and works in it. The work's signal comes with ours, or when another tab has taken the turn because this
   * one was asleep; then it waits anew. Gives null where the signal came.
   */
  take<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T | null>
  /** Takes the turn from a tab that does not answer. Harmless where nobody waits here. */
  seize(): void
}

function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError'
}

/** Turns by a lock of the browser, which frees it however a tab ends. */
export function createTurns(lockName: string): Turns {
  let isMine = false
  let waiting: AbortController | null = null
  let seizes = false

  async function once<T>(outer: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const lost = new AbortController()
    const signal = AbortSignal.any([outer, lost.signal])
    waiting = new AbortController()
    const options = seizes ? { steal: true } : { signal: AbortSignal.any([outer, waiting.signal]) }
    seizes = false
    try {
      return await navigator.locks.request(lockName, options, async () => {
        waiting = null
        isMine = true
        try {
          return await work(signal)
        } finally {
          isMine = false
        }
      })
    } catch (error) {
      lost.abort()
      throw error
    }
  }

  return {
    isMine: () => isMine,
    async isTaken() {
      const { held = [] } = await navigator.locks.query()
      return held.some((lock) => lock.name === lockName)
    },
    async take(signal, work) {
      while (!signal.aborted) {
        try {
          return await once(signal, work)
        } catch (error) {
          if (!isAbort(error)) throw error
        }
      }
      return null
    },
    seize() {
      if (isMine || !waiting) return
      seizes = true
      waiting.abort()
    },
  }
}
