import 'server-only'

/** What may be under way of each, however many files it sends at a time: whoever sends more waits, and the others do not. */
export class UnderWay {
  readonly #most: number
  readonly #of = new Map<string, Set<Promise<void>>>()

  constructor(most: number) {
    this.#most = most
  }

  /** Waits while as much of `name` as may be is under way, then begins; the work itself is not waited for. */
  async begin<T>(name: string, work: () => Promise<T>): Promise<{ done: Promise<T> }> {
    for (let open = this.#of.get(name); open && open.size >= this.#most; open = this.#of.get(name))
      await Promise.race(open)
    const open = this.#of.get(name) ?? new Set()
    this.#of.set(name, open)
    const done = work()
    const end = () => {
      open.delete(ended)
      if (open.size === 0) this.#of.delete(name)
    }
    // Whoever else waits hears that it ended, not how.
    const ended = done.then(end, end)
    open.add(ended)
    return { done }
  }
}
