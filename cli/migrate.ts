import type { Command } from 'commander'
import { readEnv } from '#server/kernel/env.ts'
import { migrate } from '#server/kernel/migrate.ts'
import { LOGIN_ROLES, type LoginRole, roleName, SILENT_ROLES, type SilentRole } from '#server/kernel/roles.ts'
import { openPostgres } from '../scripts/lib/postgres.mjs'
import { prepare } from './database.ts'
import { CliError, print } from './output.ts'

type Options = { printRoles?: boolean; json?: boolean }

/** `gatehouse migrate [--print-roles]`. */
export function addMigrateCommand(program: Command): void {
  program
    .command('migrate')
    .description('bring the database to this version’s schema')
    .option(
      '--print-roles',
      'print the SQL that a superuser runs once where the login of DATABASE_URL may not create roles',
    )
    .option('--json', 'answer in JSON')
    .action(({ printRoles, json }: Options) => (printRoles ? printRoleSql(json) : run(json)))
}

async function run(json: boolean | undefined): Promise<void> {
  const env = readEnv()
  if (env.databaseUrl) {
    const { applied } = await migrate({ adminUrl: env.databaseUrl })
    print(json, { applied }, applied.length > 0 ? `Applied ${applied.join(', ')}.` : 'The database is up to date.')
    return
  }
  const postgres = await openPostgres({ dataDir: env.dataDir })
  try {
    await prepare(env, postgres.url)
  } finally {
    await postgres.stop()
  }
  print(json, { applied: null }, 'The database is up to date.')
}

function printRoleSql(json: boolean | undefined): void {
  const { databaseUrl } = readEnv()
  if (!databaseUrl)
    throw new CliError('--print-roles is for DATABASE_URL: the embedded database makes its roles itself')
  const url = new URL(databaseUrl)
  const sql = roleStatements(decodeURIComponent(url.pathname.slice(1)), decodeURIComponent(url.username))
  print(json, { sql }, sql.join('\n'))
}

/** What `migrate` would do itself with a login that may create roles; see ensureRoles in server/kernel/migrate.ts. */
export function roleStatements(database: string, login: string): string[] {
  const name = (suffix: LoginRole | SilentRole) => quoted(roleName(database, suffix))
  const roles = [...SILENT_ROLES, ...LOGIN_ROLES]
  return [
    ...roles.map((suffix) => `CREATE ROLE ${name(suffix)} NOLOGIN;`),
    ...roles.map((suffix) => `GRANT ${name(suffix)} TO ${quoted(login)};`),
    `GRANT ${name('search')}, ${name('retention')} TO ${name('owner')};`,
    `GRANT CONNECT, CREATE ON DATABASE ${quoted(database)} TO ${name('owner')}, ${name('worker')};`,
  ]
}

/** An SQL identifier (PostgreSQL, section 4.1.1). */
function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
