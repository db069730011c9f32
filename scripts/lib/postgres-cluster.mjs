import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readIfExists } from './files.mjs'
import { canReach } from './postgres-account.mjs'
import { ensureSystemDir, SYSTEM_DIR } from './postgres-binaries.mjs'
import { Refusal } from './refusal.mjs'

/** What PostgreSQL's programs see of our environment: nothing that could redirect or localise them. */
export const CLEAN_ENV = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }

/**
 * Where the cluster of a data directory lives: `postgres` in it or, when root runs below a folder the database's account
 * cannot pass (a clone in a 0700 folder), a folder of its own below /var/lib/gatehouse that `postgres` links to.
 * An existing cluster keeps its owner, whoever starts it now.
 */
export function placeCluster(dataDir, account) {
  const place = path.join(dataDir, 'postgres')
  if (isLink(place) || fs.existsSync(place)) return existing(place, account)
  if (canReach(account, dataDir)) return { dir: place, account }
  ensureSystemDir()
  const home = path.join(SYSTEM_DIR, randomBytes(8).toString('hex'))
  fs.mkdirSync(home)
  fs.chmodSync(home, 0o711)
  fs.writeFileSync(path.join(home, 'data-directory'), `${dataDir}\n`)
  fs.symlinkSync(path.join(home, 'postgres'), place)
  return { dir: path.join(home, 'postgres'), account }
}

function existing(place, account) {
  const dir = isLink(place) ? path.resolve(path.dirname(place), fs.readlinkSync(place)) : place
  // The link is written first: a start that died before the cluster was complete goes on here.
  if (!fs.existsSync(dir)) return { dir, account }
  const { uid, gid } = fs.statSync(dir)
  if (!account) {
    if (uid !== process.getuid?.())
      throw new Refusal(`${dir} belongs to another account (uid ${uid}); start as that account or as root`)
    return { dir, account }
  }
  const owner = uid === 0 ? account : { uid, gid }
  if (!canReach(owner, dir))
    throw new Refusal(
      `the database's account (uid ${owner.uid}) cannot reach ${dir}: open the folders above it (chmod o+x)`,
    )
  return { dir, account: owner }
}

function isLink(file) {
  return fs.lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() ?? false
}

/** Creates a cluster; it appears under its name only when complete, so a crash here leaves nothing half-made behind. */
export function createCluster({ binaries, dir, account, password, sync = true }) {
  const partial = `${dir}.new`
  fs.rmSync(partial, { recursive: true, force: true })
  fs.mkdirSync(partial, { mode: 0o700 })
  const passwordFile = `${partial}.password`
  fs.writeFileSync(passwordFile, password, { mode: 0o600 })
  if (account) for (const file of [partial, passwordFile]) fs.chownSync(file, account.uid, account.gid)
  const args = ['-D', partial, '-U', 'postgres', `--pwfile=${passwordFile}`, '--auth=scram-sha-256', '--encoding=UTF8']
  args.push('--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C', '--data-checksums')
  if (!sync) args.push('--no-sync')
  try {
    const made = spawnSync(path.join(binaries, 'bin/initdb'), args, {
      ...account,
      cwd: '/',
      env: CLEAN_ENV,
      encoding: 'utf8',
    })
    if (made.status !== 0) throw new Refusal(`initdb failed: ${lastLine(made.stderr) || made.error?.message}`)
  } finally {
    fs.rmSync(passwordFile, { force: true })
  }
  fs.renameSync(partial, dir)
}

/** The content of postmaster.pid: `{pid, port, ready}`, or undefined when no server left one. */
export function readPostmaster(dir) {
  const lines = readIfExists(path.join(dir, 'postmaster.pid'))?.split('\n')
  if (!lines || !Number(lines[0])) return undefined
  return { pid: Number(lines[0]), port: Number(lines[3]), ready: lines[7]?.trim() === 'ready' }
}

/**
 * Ends a server that outlived its supervisor, and clears a pid file whose number now belongs to something else.
 * The caller holds the data directory's lock, so no other supervisor stands behind either.
 */
export async function clearLeftover(dir) {
  const left = readPostmaster(dir)
  if (!left) return
  if (isServerOf(left.pid, dir)) {
    await endServer(left.pid)
    return
  }
  fs.rmSync(path.join(dir, 'postmaster.pid'), { force: true })
}

/** Fast shutdown, then immediate, then kill: whatever happens, recovery at the next start is complete. */
export async function endServer(pid, patienceMs = 6000) {
  for (const [signal, ms] of [
    ['SIGINT', patienceMs],
    ['SIGQUIT', 2000],
    ['SIGKILL', 1000],
  ]) {
    if (!signalTo(pid, signal)) return
    for (const end = Date.now() + ms; Date.now() < end; await sleep(20)) if (!signalTo(pid, 0)) return
  }
}

function signalTo(pid, signal) {
  try {
    process.kill(pid, signal)
    return true
  } catch {
    return false
  }
}

function isServerOf(pid, dir) {
  if (!signalTo(pid, 0)) return false
  try {
    return fs.realpathSync(`/proc/${pid}/cwd`) === fs.realpathSync(dir)
  } catch {
    if (fs.existsSync('/proc/self/cwd')) return false
    const shown = spawnSync('ps', ['-p', String(pid), '-o', 'command='], { encoding: 'utf8' }).stdout ?? ''
    return shown.includes('postgres') && shown.includes(dir)
  }
}

function lastLine(text) {
  return text?.trim().split('\n').at(-1)
}
