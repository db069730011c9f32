import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { npm } from './install.mjs'
import { withLock } from './lock.mjs'
import { dataDirOf } from './paths.mjs'
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

/**
 * Runs a program in place of this process: same standard streams, signals passed on, and its exit code or signal becomes
 * ours.
 */
export async function become(command, args, env = process.env) {
  const child = spawn(command, args, { stdio: 'inherit', env: { ...env, PATH: withNode(command, env.PATH) } })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2']) process.on(signal, () => child.kill(signal))
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
