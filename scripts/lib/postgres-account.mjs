import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { Refusal } from './refusal.mjs'

const NAME = 'gatehouse'

/**
 * PostgreSQL refuses to run as root. Under root this returns (and creates once) the unprivileged system account that
 * owns the cluster, `{uid, gid}`; as an ordinary user it returns undefined: the caller's own account is used.
 */
export function databaseAccount() {
  if (process.getuid?.() !== 0) return undefined
  return lookUp() ?? create()
}

/** Whether the account can pass through a folder or read a file: every folder above it must let it pass, too. */
export function canReach(account, target) {
  if (!account) return true
  const test = 'if [ -d "$1" ]; then [ -x "$1" ]; else [ -r "$1" ]; fi'
  const probe = spawnSync('/bin/sh', ['-c', test, 'sh', target], { ...account, cwd: '/', stdio: 'ignore' })
  return probe.status === 0
}

function lookUp() {
  const line = fs
    .readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((row) => row.startsWith(`${NAME}:`))
  if (!line) return undefined
  const [, , uid, gid] = line.split(':')
  if (Number(uid) === 0) throw new Refusal(`the account "${NAME}" is root; PostgreSQL needs an unprivileged one`)
  return { uid: Number(uid), gid: Number(gid) }
}

function create() {
  const useradd = [
    '--system',
    '--user-group',
    '--no-create-home',
    '--home-dir',
    '/nonexistent',
    '--shell',
    '/bin/false',
  ]
  const attempts = [
    ['useradd', [...useradd, NAME]],
    ['adduser', ['-S', '-D', '-H', '-s', '/bin/false', NAME]],
  ]
  for (const [command, args] of attempts) {
    spawnSync(command, args, { stdio: 'ignore', env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } })
    // Another start may have created it meanwhile: what counts is that it exists.
    const account = lookUp()
    if (account) return account
  }
  throw new Refusal(
    `PostgreSQL refuses to run as root and the account "${NAME}" could not be created: start as an ordinary user, create that account, or set DATABASE_URL`,
  )
}
