import type { EventEmitter } from 'node:events'
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

/** An answer on its way, such as a ServerResponse. */
export type Answer = Pick<EventEmitter, 'once'> & { destroy(): unknown }

/**
 * Keeps at most so many answers of one device that it has not taken in yet: each stands in memory until it has. A newer one ends
 * the oldest, which may belong to a connection that the device has lost and we have not noticed.
 */
export function limitUntaken(most: number) {
  const untaken = new Map<string, Set<Answer>>()
  return (deviceId: string, answer: Answer): void => {
    const answers = untaken.get(deviceId) ?? new Set()
    untaken.set(deviceId, answers.add(answer))
    // However it ends: taken in, or broken off.
    answer.once('close', () => {
      answers.delete(answer)
      if (answers.size === 0 && untaken.get(deviceId) === answers) untaken.delete(deviceId)
    })
    const [oldest] = answers
    if (answers.size <= most) return
    if (oldest) answers.delete(oldest)
    oldest?.destroy()
  }
}
