import 'server-only'
import type { z } from 'zod'
import { type Actor, requirePermission } from './actor.ts'
import { now } from './clock.ts'
import { pgTransaction, readTransaction, type Sql, type Tx } from './db.ts'
import { parseInput } from './fields.ts'
import { type TenantVault, tenantVault } from './keys.ts'
import { gettingFirst } from './needed-first.ts'
import type { Requirement } from './permissions.ts'

export type QueryContext<I> = {
  tx: Tx
  sql: Sql
  actor: Actor
  tenantId: string
  input: I
  now: Date
  vault: () => Promise<TenantVault>
}

export type QueryDefinition<S extends z.ZodType, R> = {
  /** noun.verb, for the matrix of permissions. */
  name: string
  permission: Requirement
  input: S
  run: (context: QueryContext<z.output<S>>) => Promise<R>
}

/** The same without Prisma: for reads whose time counts. */
export type SqlQueryContext<I> = Omit<QueryContext<I>, 'tx' | 'vault'>
export type SqlQueryDefinition<S extends z.ZodType, R> = Omit<QueryDefinition<S, R>, 'run'> & {
  run: (context: SqlQueryContext<z.output<S>>) => Promise<R>
}

export type QuerySummary = { name: string; permission: Requirement }
export type Query<I, R> = { (actor: Actor, input: I): Promise<R>; readonly summary: QuerySummary }

/** Whoever asks waits so long for what has to come from elsewhere before their transaction. */
const PATIENCE_MS = 20_000

const registry = new Map<string, QuerySummary>()

/** Every query defined so far, for the generated matrix. */
export function queryList(): QuerySummary[] {
  return [...registry.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** A read in plain SQL over a bare connection: half the round trips of `defineQuery`, whose walls and rules are the same. */
export function defineSqlQuery<S extends z.ZodType, R>(definition: SqlQueryDefinition<S, R>): Query<z.input<S>, R> {
  return guarded(definition, ({ tenantId, ...asked }) =>
    pgTransaction('reader', tenantId, (_client, sql) => definition.run({ sql, tenantId, ...asked, now: now() })),
  )
}

/** A read: parse → permission → one transaction (done again where it needs something first) of the SELECT-only role that sees the actor's organisation and nothing else. */
export function defineQuery<S extends z.ZodType, R>(definition: QueryDefinition<S, R>): Query<z.input<S>, R> {
  return guarded(definition, ({ tenantId, ...asked }) =>
    readTransaction(tenantId, ({ tx, sql }) =>
      definition.run({ tx, sql, tenantId, ...asked, now: now(), vault: () => tenantVault(tx, tenantId) }),
    ),
  )
}

type Guarded<S extends z.ZodType> = QuerySummary & { input: S }
type Asked<I> = Pick<QueryContext<I>, 'actor' | 'tenantId' | 'input'>

function guarded<S extends z.ZodType, R>(
  { name, permission, input }: Guarded<S>,
  read: (asked: Asked<z.output<S>>) => Promise<R>,
): Query<z.input<S>, R> {
  const summary: QuerySummary = { name, permission }
  registry.set(name, summary)
  const run = async (actor: Actor, raw: z.input<S>): Promise<R> => {
    requirePermission(actor, permission)
    const asked = { actor, tenantId: actor.tenantId, input: parseInput(input, raw) }
    return gettingFirst(PATIENCE_MS, () => read(asked))
  }
  return Object.assign(run, { summary })
}
