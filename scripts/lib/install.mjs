import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { readIfExists } from './files.mjs'
import { withLock } from './lock.mjs'
import { ROOT, stateFile } from './paths.mjs'
import { Refusal } from './refusal.mjs'
import { say } from './say.mjs'

/** Installs when node_modules is missing or is not what package-lock.json asks for. */
export async function ensureInstalled() {
  if (isInstalled()) return
  await withLock(stateFile('install.lock'), 'installing', () => {
    if (isInstalled()) return
    say('Installing dependencies…')
    // Not `npm ci`: it refuses a lock file that lacks optional packages of other platforms, which some registries do not
    // carry, and it would pull node_modules away from under an instance that runs. Versions come from the lock file.
    npm(['install', '--no-save', '--include=dev', '--loglevel=error'], ROOT)
    if (!isInstalled()) throw new Refusal('npm install ended without installing what package-lock.json names')
  })
}

/** Compares what npm recorded in node_modules with package-lock.json; packages of other platforms may be absent. */
function isInstalled() {
  const wanted = readIfExists(path.join(ROOT, 'package-lock.json'))
  const present = readIfExists(path.join(ROOT, 'node_modules/.package-lock.json'))
  if (!wanted || !present) return false
  const have = JSON.parse(present).packages
  return Object.entries(JSON.parse(wanted).packages).every(([place, entry]) => {
    if (place === '') return true
    return have[place] ? have[place].version === entry.version : Boolean(entry.optional)
  })
}

/** Runs the machine's npm client; its output goes to standard error, which stays free of our answers. */
export function npm(args, cwd, command = 'npm') {
  const { error, status, signal } = spawnSync(command, args, {
    cwd,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  })
  if (error) throw new Refusal(`${command} could not be run (${error.code}): install npm`)
  if (status !== 0) throw new Refusal(`${command} ${args.join(' ')} failed (${signal ?? `exit ${status}`})`)
}
