import { AppError } from '#server/kernel/errors.ts'

export type Concurrency = { atOnce: number; waiting: number; detail: string }

/** Lets so many pieces of work run at once and so many wait, in their order. @throws AppError unavailable when too many wait */
export function limitConcurrency({ atOnce, waiting: most, detail }: Concurrency) {
  let running = 0
  const waiting: (() => void)[] = []
  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (waiting.length >= most) throw new AppError('unavailable', { detail, retryAfter: 3 })
    if (running >= atOnce) await new Promise<void>((resolve) => waiting.push(resolve))
    else running++
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      // The place is handed on; only the last one gives it back.
      if (next) next()
      else running--
    }
  }
}
