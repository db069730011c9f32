import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { mergeIndex } from '#server/audit/index/merge.ts'
import { readHead } from '#server/audit/tree.ts'
import { now, testingOnlyAdvanceClock } from '#server/kernel/clock.ts'
import { pgTransaction } from '#server/kernel/db.ts'
import { entryArgs } from '../scripts/lib/bootstrap.mjs'
import type { TimedPart } from './log-appender.ts'
import { DAY_MS, DAYS } from './log-drafts.ts'

const APPEND = 5_000
/** While the database writes what one has made, the other makes the next. */
const APPENDERS = 2

/**
 * So many events of a hundred days (fewer where the log is younger), ending now, appended as the product does and merged as the
 * worker does, in processes of their own. Recorded one after the other, whoever makes them: the log's order is that of time.
 * `each` is called as the log grows.
 */
export async function loadLog(tenantId: string, events: number, each = (_appended: number) => {}): Promise<void> {
  const nowMs = Date.now()
  const beginMs = Math.max(nowMs - DAYS * DAY_MS, await lastRecordedMs(tenantId))
  let next = 0
  const take = (): TimedPart => {
    const part = { from: next, count: Math.min(APPEND, events - next), of: events }
    next += part.count
    return { ...part, atMs: beginMs + (part.from / events) * (nowMs - beginMs) }
  }
  let turn: Promise<unknown> = Promise.resolve()
  const work = async (appender: Child) => {
    while (next < events) {
      const part = take()
      const before = turn
      const { promise, resolve } = Promise.withResolvers<void>()
      turn = promise
      await appender.ask(part)
      await before
      await appender.ask('write')
      resolve()
      each(part.from + part.count)
    }
  }
  const merger = new Child('bench/log-merger.ts', tenantId)
  const appenders = Array.from({ length: APPENDERS }, () => new Child('bench/log-appender.ts', tenantId))
  try {
    await Promise.all(appenders.map(work))
  } finally {
    await Promise.all([merger, ...appenders].map((child) => child.end()))
  }
  // Whoever loads may have moved this process's clock.
  testingOnlyAdvanceClock(Date.now() - now().getTime())
  while ((await mergeIndex(tenantId)) === null) await sleep(100)
}

/** An entry is never recorded before the last: what was made ready for an earlier time would be made twice. */
function lastRecordedMs(tenantId: string): Promise<number> {
  return pgTransaction('reader', tenantId, async (_client, sql) =>
    (await readHead(sql, tenantId)).lastRecordedAt.getTime(),
  )
}

/** A process of ours that answers each message with one. */
class Child {
  readonly #process: ChildProcess
  readonly #ended: Promise<never>

  constructor(entry: string, tenantId: string) {
    this.#process = spawn(process.execPath, ['--max-semi-space-size=64', ...entryArgs(entry), tenantId], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.#ended = once(this.#process, 'exit').then(([code]) => {
      throw new Error(`${entry} ended with ${code}`)
    })
    this.#ended.catch(() => {})
  }

  async ask(message: TimedPart | 'write'): Promise<void> {
    const answered = once(this.#process, 'message')
    this.#process.send(message)
    await Promise.race([answered, this.#ended])
  }

  async end(): Promise<void> {
    if (this.#process.connected) this.#process.disconnect()
    await this.#ended.catch(() => {})
  }
}
