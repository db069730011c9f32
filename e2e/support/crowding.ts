import fs from 'node:fs'
import os from 'node:os'
import { clearInterval, setInterval } from 'node:timers'

const EVERY_MS = 50

/**
 * Watches what wants to run until it is asked: how many times as long everything took for want of processors, at least 1.
 * Another file's product may start beside this one's, and the load average hears of it only a minute later.
 */
export function watchCrowding(): () => number {
  const seen: number[] = []
  const timer = setInterval(() => seen.push(runnable()), EVERY_MS).unref()
  return () => {
    clearInterval(timer)
    const mean = seen.reduce((sum, count) => sum + count, 0) / Math.max(1, seen.length)
    return Math.max(1, mean / os.availableParallelism())
  }
}

/** Threads that run or could, but ours that asks. */
function runnable(): number {
  try {
    return Number(/ (\d+)\/\d+ /.exec(fs.readFileSync('/proc/loadavg', 'utf8'))?.[1] ?? 0) - 1
  } catch {
    return os.loadavg()[0] ?? 0
  }
}
