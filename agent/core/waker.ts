import type { Clock } from './ports.ts'

/** A pause that can be cut short. A wake while nobody waits is not lost: the next wait returns at once. */
export type Waker = { wake(): void; wait(ms: number, signal: AbortSignal): Promise<void> }

export function createWaker(clock: Clock): Waker {
  let pending = false
  let alarm: AbortController | null = null

  return {
    wake() {
      pending = true
      alarm?.abort()
    },
    async wait(ms, signal) {
      if (!pending && !signal.aborted) {
        alarm = new AbortController()
        await clock.sleep(ms, AbortSignal.any([signal, alarm.signal]))
        alarm = null
      }
      pending = false
    },
  }
}
