import { setTimeout as sleep } from 'node:timers/promises'

/** Asks again until there is an answer; a failure of the question counts as none. Fails naming what was awaited, and why. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined | false>,
  timeoutMs = 90_000,
): Promise<T> {
  let last: unknown
  for (const end = performance.now() + timeoutMs; performance.now() < end; await sleep(50)) {
    try {
      const answer = await ask()
      if (answer) return answer
      last = undefined
    } catch (error) {
      last = error
    }
  }
  throw new Error(`waited in vain for ${what}`, { cause: last })
}
