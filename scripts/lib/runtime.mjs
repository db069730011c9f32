import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { npm } from './install.mjs'
import { withLock } from './lock.mjs'
import { dataDirOf, ROOT } from './paths.mjs'
import { Refusal } from './refusal.mjs'
import { say } from './say.mjs'

const VERSION = '24.21.0'

/** Whether this process already runs on a Node that has what the product needs. */
export function isNodeRecent() {
  return Number(process.versions.node.split('.')[0]) >= 24
}

/**
 * Path of a Node 24: this process's own, else the npm package with its binary, fetched once into the data directory.
 * npm checks the package's integrity.
 */
export async function provideNode() {
  if (isNodeRecent()) return process.execPath
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
  const home = path.join(dataDirOf(), 'runtime')
  const place = path.join(home, `node-${VERSION}`)
  const binary = path.join(place, 'node_modules', name, 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  if (fs.existsSync(binary)) return binary
  fs.mkdirSync(home, { recursive: true, mode: 0o755 })
  await withLock(path.join(home, 'node.lock'), 'fetching Node', () => {
    if (fs.existsSync(binary)) return
    say(`Fetching Node ${VERSION} (this machine has ${process.versions.node})…`)
    fetchPackage(`${name}@${VERSION}`, place)
  })
  if (!fs.existsSync(binary)) throw new Refusal(`${name}@${VERSION} holds no Node binary: install Node 24 or newer`)
  return binary
}

function fetchPackage(spec, place) {
  // Installed aside and renamed: a crash here leaves nothing that looks complete.
  const partial = `${place}.${process.pid}.${randomBytes(4).toString('hex')}`
  fs.mkdirSync(partial)
  try {
    fs.writeFileSync(path.join(partial, 'package.json'), '{"private":true}\n')
    npm(['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', spec], partial)
    fs.rmSync(place, { recursive: true, force: true })
    fs.renameSync(partial, place)
  } finally {
    fs.rmSync(partial, { recursive: true, force: true })
  }
}

const GUARD = pathToFileURL(path.join(ROOT, 'scripts/lib/child-guard.mjs')).href

/**
 * Runs a script on a Node in place of this process: same standard streams, signals passed on, its exit code or signal
 * becomes ours, and when we are killed outright it gets `guardSignal`.
 */
export async function become(node, args, { env = process.env, guardSignal = 'SIGTERM' } = {}) {
  const guard = { GATEHOUSE_GUARD_FD: '3', GATEHOUSE_GUARD_SIGNAL: guardSignal }
  const child = spawn(node, [`--import=${GUARD}`, ...args], {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    env: { ...env, ...guard, PATH: withNode(node, env.PATH) },
  })
  child.stdio[3].on('error', () => {})
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2']) {
    process.on(signal, () => {
      // A terminal delivers its Ctrl-C to both of us.
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
    })
  }
  const { code, signal } = await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve({ code, signal }))
  })
  process.exit(signal ? 128 + os.constants.signals[signal] : code)
}

/** Programs started by ours find the same Node first. */
function withNode(node, searchPath = '') {
  const dir = path.dirname(node)
  return searchPath.split(path.delimiter)[0] === dir ? searchPath : [dir, searchPath].join(path.delimiter)
}
