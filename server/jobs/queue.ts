import 'server-only'
import { EventEmitter } from 'node:events'
import { parseCronItems, Logger as QueueLogger, type Runner, run, type WorkerEvents } from 'graphile-worker'
import type { Logger } from 'pino'
import { openWorkerPool } from '#server/kernel/runtime.ts'
import { keepLiving } from './living.ts'

/** Does one job. Throws to have it tried again later; may be called twice for one job. */
export type Task = (payload: unknown) => Promise<unknown>

export type Scheduled = { task: string /** A cron pattern in UTC. */; at: string }

export type QueueOptions = {
  tasks: Readonly<Record<string, Task>>
  schedule: readonly Scheduled[]
  log: Logger
  concurrency?: number
}

export type Queue = {
  /** Lets what runs finish and stops. */
  stop(): Promise<void>
  /** Rejects when the queue ends by itself. */
  ended: Promise<void>
}

/** Begins to work through the queue, several jobs at a time. Resolves when it listens. */
export async function startQueue({ tasks, schedule, log, concurrency = 4 }: QueueOptions): Promise<Queue> {
  const pool = openWorkerPool(concurrency + 3, (err) => log.warn({ err }, 'a connection of the queue broke'))
  const living = keepLiving(pool, (err) =>
    log.warn({ err }, 'what workers left behind could not be looked at: trying again'),
  )
  const events: WorkerEvents = new EventEmitter()
  events.on('worker:create', ({ worker }) => living.add(worker.workerId))
  const runner: Runner = await run({
    pgPool: pool,
    concurrency,
    events,
    noHandleSignals: true,
    // A request whose undo window is over waits for the next look at most.
    pollInterval: 1_000,
    logger: bridge(log),
    taskList: Object.fromEntries(
      Object.entries(tasks).map(([name, task]) => [name, (payload: unknown) => task(payload).then(() => {})]),
    ),
    // What was missed while nothing ran is made up once, by the task itself: no backfill.
    parsedCronItems: parseCronItems(
      schedule.map(({ task, at }) => ({
        task,
        match: at,
        options: { backfillPeriod: 0, jobKey: task, maxAttempts: 3 },
      })),
    ),
  })
  await living.look()
  return {
    ended: runner.promise,
    stop: async () => {
      await runner.stop().catch((err: unknown) => log.debug({ err }, 'the queue had stopped before'))
      await living.stop()
      await pool.end()
    },
  }
}

/** The queue's own lines; a failed job is said once, with its task and never its payload. */
function bridge(log: Logger): QueueLogger {
  return new QueueLogger(() => (level, message) => {
    if (level === 'error') log.error(message)
    else if (level === 'warning') log.warn(message)
    else log.trace(message)
  })
}
