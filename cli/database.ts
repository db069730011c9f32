import { isDatabaseReady } from '#server/kernel/db.ts'
import { type Env, readEnv } from '#server/kernel/env.ts'
import { isMasterKeyError, openKeys } from '#server/kernel/keys.ts'
import { closeRuntime, readSecrets } from '#server/kernel/runtime.ts'
import { bootstrap } from '../scripts/lib/bootstrap.mjs'
import { openPostgres } from '../scripts/lib/postgres.mjs'
import { CliError } from './output.ts'

/**
 * Runs `work` with the database at hand, whether or not the server runs: DATABASE_URL, the running embedded PostgreSQL, or
 * one started for this command and stopped after it.
 */
export async function withDatabase<T>(work: (env: Env, adminUrl: string) => Promise<T>): Promise<T> {
  const env = readEnv()
  const postgres = env.databaseUrl ? null : await openPostgres({ dataDir: env.dataDir })
  try {
    // One of our own is prepared like a start would; beside a server only when that has not come so far yet.
    if (postgres && (postgres.exited || !readSecrets(env.dataDir).database)) await prepare(env, postgres.url)
    await openKeys().catch((error: unknown) => {
      // The database's own faults are said below.
      if (isMasterKeyError(error)) throw error
    })
    if (!(await isDatabaseReady()))
      throw new CliError('the database does not answer or is not migrated: run gatehouse migrate')
    return await work(env, env.databaseUrl ?? postgres?.url ?? '')
  } finally {
    await closeRuntime()
    await postgres?.stop()
  }
}

/** Migrates, and gives the processes' roles their logins. */
export async function prepare(env: Env, adminUrl: string): Promise<void> {
  await bootstrap({ env: { ...process.env, GATEHOUSE_DATA_DIR: env.dataDir }, adminUrl, sink: { pass: () => {} } })
}
