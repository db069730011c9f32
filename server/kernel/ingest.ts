import 'server-only'
import { uuidv7 } from '#lib/uuid.ts'
import { categoryOf } from '#protocol/audit/actions.ts'
import type { Actor } from './actor.ts'
import { pgTransaction, retryingConflicts, type Sql } from './db.ts'
import { AppError, isAppError } from './errors.ts'
import { beginAppend, type StatedDraft } from './ledger.ts'
import { notifyChange } from './notify.ts'

/** What a batch becomes inside the transaction: entries of its actor, and the answer to give once they are durable. */
export type Prepared<R> = { actor: Actor; drafts: readonly StatedDraft[]; result: R }

/** A batch is turned away without harm to the others of its group (a clone, a revoked device). */
export type Refused = { refusal: AppError }

export type IngestDefinition<I, R> = {
  name: string
  /**
   * Locks its own rows, drops what was received before, and says of each batch, in their order, what to append. Runs before the log's
   * head is locked. What it throws fails the group; then each batch is tried alone.
   */
  prepare: (sql: Sql, batches: readonly I[]) => Promise<readonly (Prepared<R> | Refused)[]>
}

/** For `prepare`, where each batch looks at what the one before it left. */
export function oneByOne<I, R>(
  prepare: (sql: Sql, batch: I) => Promise<Prepared<R>>,
): IngestDefinition<I, R>['prepare'] {
  return async (sql, batches) => {
    const made: (Prepared<R> | Refused)[] = []
    for (const batch of batches) made.push(await refusing(() => prepare(sql, batch)))
    return made
  }
}

/** A refusal as a value; anything else is thrown on. */
export async function refusing<T>(attempt: () => T | Promise<T>): Promise<T | Refused> {
  try {
    return await attempt()
  } catch (error) {
    if (isAppError(error)) return { refusal: error }
    throw error
  }
}

export type IngestOptions = {
  /** Entries waiting for one organisation before new batches are turned away (503). */
  maxWaiting?: number
  /** Entries in one transaction, about. */
  maxEntries?: number
}

type Waiting<I, R> = { batch: I; size: number; resolve: (result: R) => void; reject: (error: unknown) => void }

type Queue<I, R> = { waiting: Waiting<I, R>[]; entries: number; running: number }

/** While the database writes one group and another waits for it, this process makes a third one ready. */
const GROUPS_IN_FLIGHT = 3

/**
 * Group commit: while transactions of an organisation are in flight, batches pile up; the next takes them together, when all are
 * over or as soon as they fill a group: small groups cost more than they gain. The promise resolves after the commit: the events
 * are flushed, sequenced and in the tree. If the process dies before, nothing was acknowledged and the sender sends again.
 * @throws AppError unavailable when too much waits, or the database is away
 */
export function defineIngest<I extends { tenantId: string; size: number }, R>(
  definition: IngestDefinition<I, R>,
  options: IngestOptions = {},
) {
  const { maxWaiting = 50_000, maxEntries = 2_000 } = options
  const queues = new Map<string, Queue<I, R>>()

  const beginGroups = (tenantId: string, queue: Queue<I, R>): void => {
    while (queue.waiting.length > 0 && isWorthwhile(queue)) {
      const group = takeGroup(queue.waiting, maxEntries)
      queue.entries -= sizeOf(group)
      queue.running++
      void commitGroup(definition, tenantId, group).then(() => {
        queue.running--
        beginGroups(tenantId, queue)
        if (queue.running === 0) queues.delete(tenantId)
      })
    }
  }

  const isWorthwhile = ({ running, entries }: Queue<I, R>) =>
    running === 0 || (running < GROUPS_IN_FLIGHT && entries >= maxEntries)

  return (batch: I): Promise<R> =>
    new Promise<R>((resolve, reject) => {
      const queue = queues.get(batch.tenantId) ?? { waiting: [], entries: 0, running: 0 }
      if (queue.entries > 0 && queue.entries + batch.size > maxWaiting) {
        reject(new AppError('unavailable', { detail: 'Too many events are waiting.', retryAfter: 2 }))
        return
      }
      queues.set(batch.tenantId, queue)
      queue.waiting.push({ batch, size: batch.size, resolve, reject })
      queue.entries += batch.size
      beginGroups(batch.tenantId, queue)
    })
}

function sizeOf<I, R>(group: readonly Waiting<I, R>[]): number {
  return group.reduce((sum, { size }) => sum + size, 0)
}

function takeGroup<I, R>(queue: Waiting<I, R>[], maxEntries: number): Waiting<I, R>[] {
  let entries = 0
  let count = 0
  for (const { size } of queue) {
    if (count > 0 && entries + size > maxEntries) break
    entries += size
    count++
  }
  return queue.splice(0, count)
}

async function commitGroup<I, R>(
  definition: IngestDefinition<I, R>,
  tenantId: string,
  group: readonly Waiting<I, R>[],
): Promise<void> {
  try {
    // Two groups with the same ids in another order may lock each other out; nothing of the one that gives way was written.
    const outcomes = await retryingConflicts(() => runGroup(definition, tenantId, group))
    group.forEach((waiting, position) => {
      const outcome = outcomes[position]
      if (outcome && 'result' in outcome) waiting.resolve(outcome.result)
      else waiting.reject(outcome?.error ?? new Error('a batch had no outcome'))
    })
  } catch (error) {
    const isAway = isAppError(error) && error.code === 'unavailable'
    // Alone, the guilty batch fails by itself and the others go through. For a database that is away none of them can do anything.
    if (group.length === 1 || isAway) for (const waiting of group) waiting.reject(error)
    else for (const waiting of group) await commitGroup(definition, tenantId, [waiting])
  }
}

type GroupOutcome<R> = { result: R } | { error: unknown }

async function runGroup<I, R>(
  definition: IngestDefinition<I, R>,
  tenantId: string,
  group: readonly Waiting<I, R>[],
): Promise<GroupOutcome<R>[]> {
  return pgTransaction('writer', tenantId, async (client, sql) => {
    const batches = group.map(({ batch }) => batch)
    const [, made] = await Promise.all([
      openIngest(sql, tenantId, definition.name, group.length),
      definition.prepare(sql, batches),
    ])
    const outcomes = made.map((one) => ('refusal' in one ? { error: one.refusal } : { result: one.result }))
    const appends = made.flatMap((one) =>
      'refusal' in one ? [] : one.drafts.map((draft) => ({ actor: one.actor, draft })),
    )
    if (appends.length === 0) {
      // Nothing new: what prepare wrote is nothing either, and the command row would have no entry.
      await client.query('ROLLBACK; BEGIN')
      return outcomes
    }
    const topics = [...new Set(appends.map(({ draft }) => topicOf(draft.action)))]
    const [{ written }] = await Promise.all([
      beginAppend(sql, tenantId, appends),
      notifyChange(sql, { tenantId, topics }),
    ])
    // The commit goes with it, and fails as it does: the log's head is held no longer than the database needs.
    written.catch(() => {})
    return outcomes
  })
}

/** The noun, or `custom` for what others name: a notification has 8,000 bytes, and they may have any number of nouns. */
function topicOf(action: string): string {
  return categoryOf(action) === 'custom' ? 'custom' : action.slice(0, action.indexOf('.'))
}

async function openIngest(sql: Sql, tenantId: string, name: string, batches: number): Promise<void> {
  const by = `${batches} batches`
  await sql(
    `INSERT INTO command (tenant_id, id, name, actor_kind, actor_id) VALUES ($1::uuid, $2::uuid, $3, 'ingest', $4)
     RETURNING set_config('app.command_id', id::text, true)`,
    [tenantId, uuidv7(), name, by],
  )
}
