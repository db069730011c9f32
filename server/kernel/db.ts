import 'server-only'
import { createHash } from 'node:crypto'
import pg from 'pg'
import { asAppError, errorCodeOf } from './errors.ts'
import type { Prisma } from './generated/client.ts'
import { forgetDataKeys } from './keys.ts'
import { openKeys } from './open-keys.ts'
import { runtime } from './runtime.ts'
import { beginSealing, requireCurrentKeys, staleTenant } from './sealing.ts'

/** Prisma inside one transaction, on the control plane's tables. */
export type Tx = Prisma.TransactionClient

/** Plain SQL inside one transaction; parameters are text, numbers or JSON: cast them in the statement. */
export type Sql = <Row>(text: string, values?: readonly unknown[]) => Promise<Row[]>

export type Db = { tx: Tx; sql: Sql }

type TransactionOptions = { timeoutMs?: number }

/** A transaction of the SELECT-only role that sees one organisation. */
export function readTransaction<T>(
  tenantId: string | null,
  run: (db: Db) => Promise<T>,
  options?: TransactionOptions,
): Promise<T> {
  return rereadingKeys(tenantId, () => transaction('reader', tenantId, run, options))
}

/** A transaction of the writer. Only the kernel's command path calls it: the database refuses a write outside a command. */
export function unsafeWriteTransaction<T>(
  tenantId: string | null,
  run: (db: Db) => Promise<T>,
  options?: TransactionOptions,
): Promise<T> {
  return rereadingKeys(tenantId, () => retryingConflicts(() => transaction('writer', tenantId, run, options)))
}

/** Somebody else rotated an organisation's data key: what was not committed is done again with the keys as they are now. */
function rereadingKeys<T>(tenantId: string | null, run: () => Promise<T>): Promise<T> {
  // Chained, not awaited: a frame of ours in every stack would push out one that says where it was called.
  return openKeys()
    .then(run)
    .catch((error: unknown) => {
      const stale = staleTenant(error, tenantId)
      if (!stale) throw error
      forgetDataKeys(stale)
      return run()
    })
}

async function transaction<T>(
  role: 'reader' | 'writer',
  tenantId: string | null,
  run: (db: Db) => Promise<T>,
  options: TransactionOptions = {},
): Promise<T> {
  const { prisma, logins } = runtime()
  try {
    return await prisma[role].$transaction(
      async (tx) => {
        const sql: Sql = <Row>(text: string, values: readonly unknown[] = []) =>
          tx.$queryRawUnsafe<Row[]>(text, ...values)
        // set_config('role', …, true) is SET LOCAL ROLE, and one round trip sets both.
        if (logins.setRole)
          await sql(`SELECT set_config('role', $1, true), set_config('app.tenant_id', $2, true)`, [
            logins.setRole[role],
            tenantId ?? '',
          ])
        else await sql(`SELECT set_config('app.tenant_id', $1, true)`, [tenantId ?? ''])
        if (role === 'reader') return run({ tx, sql })
        beginSealing(tx)
        return run({ tx, sql }).then((result) => requireCurrentKeys({ tx, sql }).then(() => result))
      },
      {
        timeout: options.timeoutMs ?? 20_000,
        maxWait: 10_000,
        // Whoever reads sees one state from the first statement to the last.
        ...(role === 'reader' ? { isolationLevel: 'RepeatableRead' } : {}),
      },
    )
  } catch (error) {
    throw asAppError(error)
  }
}

/**
 * The same over a bare connection of pg, for the hot paths: ingest and audit search. Statements are pipelined: those that are asked
 * for together are answered in one round trip, with the beginning before the first of them. The commit follows the last one that was
 * asked for, whether it has an answer or not: it holds when all of them have one. Nobody waits for the end of a transaction that only
 * read.
 */
export async function pgTransaction<T>(
  role: 'reader' | 'writer',
  tenantId: string | null,
  run: (client: pg.PoolClient, sql: Sql) => Promise<T>,
): Promise<T> {
  try {
    const client = await runtime().pools[role].connect()
    const made = await untilEnd(client, beginOf(role, client, tenantId), run)
    if ('failure' in made) {
      const ended = end(client, asError(made.failure))
      if (role === 'writer') await ended
      throw made.failure
    }
    if (role === 'reader') void end(client, null)
    else await commit(client, made.unanswered)
    return made.result
  } catch (error) {
    throw asAppError(error)
  }
}

type BareRun<T> = (client: pg.PoolClient, sql: Sql) => Promise<T>

/** What came of a transaction up to its end, and the statements that have no answer yet; of several failures the first. */
async function untilEnd<T>(
  client: pg.PoolClient,
  begin: string,
  run: BareRun<T>,
): Promise<{ result: T; unanswered: readonly Promise<unknown>[] } | { failure: unknown }> {
  let isOver = false
  const unanswered = new Set<Promise<unknown>>()
  const sql: Sql = async <Row>(text: string, values: readonly unknown[] = []) => {
    // The connection may be somebody else's by now, with their organisation set.
    if (isOver) throw new Error('a statement came after the end of its transaction')
    sendTogether(client)
    const answer = client.query({ ...preparedAs(text), text, values: [...values] })
    unanswered.add(answer)
    try {
      return (await answer).rows as Row[]
    } finally {
      unanswered.delete(answer)
    }
  }
  sendTogether(client)
  // Where it fails the transaction is one that failed: what follows it is refused, and what was answered does not count.
  const [begun, done] = await Promise.allSettled([client.query(begin), (async () => run(client, sql))()])
  isOver = true
  if (begun.status === 'rejected') return { failure: begun.reason }
  if (done.status === 'rejected') return { failure: done.reason }
  return { result: done.value, unanswered: [...unanswered] }
}

/** What is asked for in one turn leaves in one write: a write costs more than most of the statements. */
function sendTogether({ connection: { stream } }: pg.PoolClient): void {
  stream.cork()
  process.nextTick(() => stream.uncork())
}

/**
 * Commits, in one write with the statements that nobody has waited for: they are answered first, and what failed of them is thrown. One
 * that failed makes COMMIT a rollback without an error: it must not pass for done.
 */
async function commit(client: pg.PoolClient, unanswered: readonly Promise<unknown>[]): Promise<void> {
  sendTogether(client)
  const [ended, ...answers] = await Promise.allSettled([client.query('COMMIT'), ...unanswered])
  const failed = answers.find((answer) => answer.status === 'rejected')
  if (ended.status === 'rejected') {
    const failure = failed?.reason ?? ended.reason
    await end(client, asError(failure))
    throw failure
  }
  client.release()
  if (failed) throw failed.reason
  if (ended.value.command !== 'COMMIT') throw new Error('a statement of the transaction failed, and nobody said so')
}

/** Ends a transaction that only read or that failed. A connection whose transaction ended in doubt is closed, never pooled again. */
async function end(client: pg.PoolClient, failure: Error | null): Promise<void> {
  let doubt = failure && isConnectionFailure(failure) ? failure : undefined
  try {
    await client.query(failure ? 'ROLLBACK' : 'COMMIT')
  } catch (error) {
    doubt ??= asError(error)
  }
  client.release(doubt)
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}

function beginOf(role: 'reader' | 'writer', client: pg.PoolClient, tenantId: string | null): string {
  const { setRole } = runtime().logins
  const asRole = setRole ? `SET LOCAL ROLE ${client.escapeIdentifier(setRole[role])};` : ''
  return `${role === 'reader' ? BEGIN_READING : 'BEGIN'};${asRole}SELECT set_config('app.tenant_id', ${client.escapeLiteral(tenantId ?? '')}, true)`
}

/** One state from the first statement to the last; plans are made once, for whatever the parameters are. */
const BEGIN_READING = `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;SET LOCAL plan_cache_mode = force_generic_plan`

/** Statements are few and the same again and again: planning one over all months costs more than running it. */
const MOST_PREPARED = 300
const prepared = new Map<string, string>()

function preparedAs(text: string): { name?: string } {
  const known = prepared.get(text)
  if (known) return { name: known }
  if (prepared.size >= MOST_PREPARED) return {}
  // Named by its text: the console's bundles hold this module more than once and share the connections.
  const name = `gh_${createHash('sha256').update(text).digest('base64url').slice(0, 22)}`
  prepared.set(text, name)
  return { name }
}

function isConnectionFailure(error: Error): boolean {
  const code = errorCodeOf(error)
  return code === undefined || /^(08|57|E)/.test(code)
}

/** Serialisation failures and deadlocks are nobody's fault: the same work is tried again, three times in all. */
export async function retryingConflicts<T>(run: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run()
    } catch (error) {
      const code = errorCodeOf(error)
      if (attempt >= 3 || (code !== '40001' && code !== '40P01' && code !== 'P2034')) throw error
    }
  }
}

/**
 * A transaction of the worker's role. Without an organisation it sees tenants, log heads and checkpoints of all of them, no
 * content; with one what belongs to it.
 */
export async function systemTransaction<T>(
  run: (sql: Sql) => Promise<T>,
  { tenantId = null }: { tenantId?: string | null } = {},
): Promise<T> {
  const { logins } = runtime()
  const client = new pg.Client({ connectionString: logins.worker, application_name: 'gatehouse-system' })
  // It breaks between two statements: the next one says so.
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query(
      `BEGIN;${logins.setRole ? `SET LOCAL ROLE ${client.escapeIdentifier(logins.setRole.worker)};` : ''}SELECT set_config('app.tenant_id', ${client.escapeLiteral(tenantId ?? '')}, true)`,
    )
    const result = await run(
      async <Row>(text: string, values: readonly unknown[] = []) =>
        (await client.query(text, [...values])).rows as Row[],
    )
    await client.query('COMMIT')
    return result
  } catch (error) {
    throw asAppError(error)
  } finally {
    await client.end().catch(() => {})
  }
}

/** SQLSTATE 23505 (or Prisma's P2002): a unique key is taken. */
export function isUniqueViolation(error: unknown): boolean {
  const code = errorCodeOf(error)
  return code === '23505' || code === 'P2002'
}

/** Whether the database answers, for /readyz. */
export async function isDatabaseReady(): Promise<boolean> {
  try {
    await readTransaction(null, async ({ sql }) => sql('SELECT 1 FROM instance'))
    return true
  } catch {
    return false
  }
}
