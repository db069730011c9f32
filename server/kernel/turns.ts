import 'server-only'
import { ifAlone } from './alone.ts'
import { now } from './clock.ts'
import { pgTransaction } from './db.ts'
import { enqueueJobs, type Job } from './jobs.ts'
import { createLog } from './log.ts'

/** Long work of one kind, of which an organisation may want a lot: one piece after another, and the others' in between. */
export type Line = {
  task: string
  /** Pieces of one organisation that are done at a time, each in a turn of its own: one, unless given. */
  atOnce?: number
  /** The ids of what an organisation waits for, those that come first in front. */
  waiting(tenantId: string): Promise<readonly string[]>
  /** Does one of them, which waits no more then; nothing when somebody else is at it. Throws what a later try may mend. */
  work(tenantId: string, id: string): Promise<void>
}

const log = createLog('turns')
const AGAIN_MS = 60_000

/** What could not be done comes behind the rest, so that it keeps nothing else waiting. */
const failed = new Set<string>()

/** Which turn of which organisation. */
export type Turn = { tenantId: string; nth: number }

/** An organisation stands in line once for each of its turns, whatever it waits for: behind everybody who stands there already. */
export function turnJobs({ task, atOnce = 1 }: Pick<Line, 'task' | 'atOnce'>, tenantId: string): Job[] {
  return Array.from({ length: atOnce }, (_, nth) => turnJob(task, { tenantId, nth }))
}

function turnJob(task: string, { tenantId, nth }: Turn): Job {
  return { task, payload: { tenantId, nth }, key: `${task}:${tenantId}:${nth}`, isLast: true }
}

/**
 * A turn of an organisation: one piece of its work, then it stands at the end of the line again while it has more. Each of its turns
 * takes one slot of all that there are, also where several processes work.
 */
export async function takeTurn({ task, waiting, work }: Line, { tenantId, nth }: Turn): Promise<void> {
  const turn = await ifAlone(`gatehouse.turn.${task}.${tenantId}.${nth}`, async () => {
    const id = nextOf(await waiting(tenantId))
    if (id !== undefined) await tryOnce(id, () => work(tenantId, id), { task, tenantId })
    return { id }
  })
  // Whoever has the turn looks once more when it is over, and finds what we came for.
  if (!turn) return
  const left = await waiting(tenantId)
  if (turn.id !== undefined && !left.includes(turn.id)) failed.delete(turn.id)
  if (left.length === 0) return
  const job = turnJob(task, { tenantId, nth })
  const isSoon = left.some((id) => !failed.has(id))
  const again = isSoon ? job : { ...job, isLast: false, runAt: new Date(now().getTime() + AGAIN_MS) }
  // If we die before, whoever starts next asks for what is left.
  await pgTransaction('writer', tenantId, (_client, sql) => enqueueJobs(sql, [again]))
}

function nextOf(ids: readonly string[]): string | undefined {
  // In the order in which they failed.
  return ids.find((id) => !failed.has(id)) ?? [...failed].find((id) => ids.includes(id))
}

async function tryOnce(id: string, work: () => Promise<void>, of: { task: string; tenantId: string }): Promise<void> {
  failed.delete(id)
  // Until it waits no more: what neither fails nor ends, as where another process is at it, must not be begun again at once.
  failed.add(id)
  try {
    await work()
  } catch (err) {
    if (err instanceof Error && err.name === 'AbortError') return
    log.error({ ...of, id, err }, 'it is tried again')
  }
}
