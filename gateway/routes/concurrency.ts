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

/**
 * Counts answers that one device has not taken in yet: each stands in memory until it has. @throws AppError unavailable
 * when it asks for more than `most` of them
 */
export function limitUntaken({ most, detail }: { most: number; detail: string }) {
  const untaken = new Map<string, number>()
  return (deviceId: string, answer: EventEmitter): void => {
    const count = untaken.get(deviceId) ?? 0
    if (count >= most) throw new AppError('unavailable', { detail, retryAfter: 1 })
    untaken.set(deviceId, count + 1)
    // However it ends: taken in, or broken off.
    answer.once('close', () => {
      const left = (untaken.get(deviceId) ?? 1) - 1
      if (left === 0) untaken.delete(deviceId)
      else untaken.set(deviceId, left)
    })
  }
}
