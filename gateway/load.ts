import { AppError } from '#server/kernel/errors.ts'

const SAMPLE_EVERY_MS = 500
/** An event loop this late answers nobody in time: turning some away helps the others. */
const LATE_MS = 1_000
const MAX_IN_FLIGHT = 3_000

/** Turns requests away (503, Retry-After) while this process cannot keep up. */
export class LoadGuard {
  #inFlight = 0
  #lateMs = 0
  #expectedMs = performance.now() + SAMPLE_EVERY_MS
  readonly #timer: NodeJS.Timeout

  constructor() {
    this.#timer = setInterval(() => {
      const nowMs = performance.now()
      // Half of what was before: one long piece of work is no overload, being late again and again is.
      this.#lateMs = (this.#lateMs + Math.max(0, nowMs - this.#expectedMs)) / 2
      this.#expectedMs = nowMs + SAMPLE_EVERY_MS
    }, SAMPLE_EVERY_MS)
    this.#timer.unref()
  }

  /** @throws AppError unavailable */
  enter(): void {
    if (this.#lateMs > LATE_MS || this.#inFlight >= MAX_IN_FLIGHT) {
      throw new AppError('unavailable', {
        detail: 'The gateway is overloaded.',
        retryAfter: 2 + Math.floor(Math.random() * 4),
      })
    }
    this.#inFlight++
  }

  leave(): void {
    this.#inFlight--
  }

  close(): void {
    clearInterval(this.#timer)
  }
}
