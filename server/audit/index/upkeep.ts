import 'server-only'
import type { Logger } from 'pino'
import { systemTransaction } from '#server/kernel/db.ts'
import { openWorkerPool } from '#server/kernel/runtime.ts'
import { mergeIndex } from './merge.ts'
import { gapsOf, reindex } from './rebuild.ts'
import { readShape } from './runs.ts'

const EVERY_MS = 1_000

/** Merges what organisations have appended; at the start it looks at every log once, and builds what has no index. */
export function startIndexUpkeep(log: Logger): { stop: () => Promise<void> } {
  const stopping = new AbortController()
  // One connection that stays: to log in anew every second takes more of the machine than all the rest, and searches wait for it.
  const heads = openWorkerPool(1, (err) => complain(err))
  const sizes = new Map<string, string>()
  let round = run()
  const timer = setInterval(() => {
    round = round.then(run)
  }, EVERY_MS)

  async function run(): Promise<void> {
    try {
      for (const { tenantId, size } of await readSizes(heads)) {
        if (stopping.signal.aborted) return
        if (sizes.get(tenantId) === size) continue
        // What is wrong with one organisation's index keeps nobody else waiting.
        if (await keepUp(tenantId).catch((err: unknown) => complain(err, tenantId))) sizes.set(tenantId, size)
      }
    } catch (err) {
      complain(err)
    }
  }

  /** False while somebody else is at it: they may die before it is done, so that it is looked at again until the turn is ours. */
  async function keepUp(tenantId: string): Promise<boolean> {
    if (!sizes.has(tenantId) && !(await fillGaps(tenantId, log))) return false
    return (await mergeIndex(tenantId, stopping.signal)) !== null
  }

  function complain(err: unknown, tenantId?: string): false {
    log.warn({ err, tenantId }, 'the index of the log could not be merged: trying again')
    return false
  }

  return {
    stop: async () => {
      stopping.abort()
      clearInterval(timer)
      await round
      await heads.end()
    },
  }
}

/** Heads of all organisations, which this role sees while no organisation is set. */
async function readSizes(heads: ReturnType<typeof openWorkerPool>): Promise<{ tenantId: string; size: string }[]> {
  return (await heads.query<{ tenantId: string; size: string }>(SIZES)).rows
}

const SIZES = {
  text: 'SELECT tenant_id::text AS "tenantId", size::text FROM audit_head WHERE size > 0',
  // A connection that was lost without a word answers nothing: the next round has another one.
  query_timeout: 10_000,
}

/** What was recorded before there was such an index, or lost it, is searched slowly until it is built. False when somebody else is at it. */
async function fillGaps(tenantId: string, log: Logger): Promise<boolean> {
  const gaps = await systemTransaction(
    async (sql) => {
      const shape = await readShape(sql, tenantId)
      return shape ? gapsOf(shape.runs, shape.size, shape.coldTo) : []
    },
    { tenantId },
  )
  for (const { from, to } of gaps) {
    log.info({ tenantId, from, to }, 'building the index of the log')
    if (!(await reindex(tenantId, from, to))) return false
  }
  return true
}
