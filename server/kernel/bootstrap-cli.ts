/**
 * Prepares the database for the processes: migrates it and, where it is ours, gives each role a login in `secrets.json`.
 * Reads ADMIN_DATABASE_URL; prints `{"setupUrl": string | null}` as its last line. Exits 1 with one line on a fault.
 */
import { randomBytes } from 'node:crypto'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readEnv } from './env.ts'
import { MasterKeyError } from './master-key.ts'
import { MigrateError, migrate } from './migrate.ts'
import { openKeys } from './open-keys.ts'
import { LOGIN_ROLES, type LoginRole, roleName } from './roles.ts'
import { closeRuntime, createRuntime, readSecrets, setRuntime, singleLogin } from './runtime.ts'
import { issueSetupToken } from './setup-link.ts'

async function main(): Promise<void> {
  const adminUrl = process.env.ADMIN_DATABASE_URL
  if (!adminUrl) throw new MigrateError('ADMIN_DATABASE_URL is not set')
  const env = readEnv()
  mkdirSync(join(env.dataDir, 'keys'), { recursive: true, mode: 0o700 })
  const passwords = env.databaseUrl ? undefined : rolePasswords(env.dataDir)
  await migrate({ adminUrl, ...(passwords ? { passwords } : {}) })
  if (passwords) writeLogins(env.dataDir, adminUrl, passwords)
  const logins = env.databaseUrl
    ? singleLogin(env.databaseUrl)
    : { ...loginUrls(adminUrl, passwords ?? rolePasswords(env.dataDir)), setRole: null }
  const { dataDir, masterKeyFile, transit } = env
  await setRuntime(createRuntime({ dataDir, logins, masterKeyFile, ...(transit ? { transit } : {}), poolSize: 2 }))
  // The first process of a start: what is wrong with the master key is said here, once.
  await openKeys()
  const token = await issueSetupToken()
  console.log(JSON.stringify({ setupUrl: token ? `${env.url}/setup?token=${token}` : null }))
}

/** The same passwords at every start: two processes may be running while one starts. */
function rolePasswords(dataDir: string): Record<LoginRole, string> {
  const { database } = readSecrets(dataDir)
  const passwordOf = (role: LoginRole) =>
    database ? decodeURIComponent(new URL(database[role]).password) : randomBytes(24).toString('base64url')
  return { reader: passwordOf('reader'), writer: passwordOf('writer'), worker: passwordOf('worker') }
}

function loginUrls(adminUrl: string, passwords: Record<LoginRole, string>): Record<LoginRole, string> {
  const database = decodeURIComponent(new URL(adminUrl).pathname.slice(1))
  const urls = LOGIN_ROLES.map((role) => {
    const url = new URL(adminUrl)
    url.username = roleName(database, role)
    url.password = passwords[role]
    return [role, url.href]
  })
  return Object.fromEntries(urls) as Record<LoginRole, string>
}

/** Written beside and renamed: dying here leaves the old file or the new one. */
function writeLogins(dataDir: string, adminUrl: string, passwords: Record<LoginRole, string>): void {
  const path = join(dataDir, 'secrets.json')
  const secrets = { ...readSecrets(dataDir), database: loginUrls(adminUrl, passwords) }
  const beside = `${path}.${process.pid}.new`
  writeFileSync(beside, JSON.stringify(secrets, null, 2), { mode: 0o600 })
  renameSync(beside, path)
}

try {
  await main()
} catch (error) {
  console.error(error instanceof MigrateError || error instanceof MasterKeyError ? error.message : error)
  process.exitCode = 1
} finally {
  // Connections that stay would keep this process.
  await closeRuntime()
}
