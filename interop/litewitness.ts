import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { until } from '../e2e/support/wait.ts'
import { freePort } from '../scripts/lib/ports.mjs'
import { Missing } from './tools.ts'

export type Witness = { url: string; vkey: string; stop: () => void }

/** SHA-256 of nothing: the root of the empty tree, from which a witness starts. */
const EMPTY_ROOT = '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='

/** A litewitness in `folder` that knows the log of `vkey`. Its key lies in an ssh-agent of its own. @throws Missing */
export async function startWitness(program: string, folder: string, vkey: string): Promise<Witness> {
  const [socket, database] = [join(folder, 'agent.sock'), join(folder, 'witness.db')]
  const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' })
  const absent = new Promise<never>((_, reject) =>
    agent.once('error', () => reject(new Missing('there is no ssh-agent on this machine'))),
  )
  await Promise.race([until('the ssh-agent', async () => existsSync(socket), 5_000), absent])
  const fingerprint = addKey(folder, socket)
  const port = await freePort()
  const args = ['-name', 'witness.test/interop', '-db', database, '-ssh-agent', socket]
  const child = spawn(program, [...args, '-key', fingerprint, '-listen', `127.0.0.1:${port}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const stop = () => {
    child.kill()
    agent.kill()
  }
  try {
    const own = await readVkey(child.stderr)
    registerLog(database, vkey)
    return { url: `http://127.0.0.1:${port}`, vkey: own, stop }
  } catch (error) {
    stop()
    throw error
  }
}

function addKey(folder: string, socket: string): string {
  const file = join(folder, 'key')
  const env = { ...process.env, SSH_AUTH_SOCK: socket }
  const steps: [string, string[]][] = [
    ['ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file]],
    ['ssh-add', ['-q', file]],
  ]
  for (const [program, args] of steps)
    if (spawnSync(program, args, { env }).status !== 0) throw new Missing(`${program} does not work here`)
  const told = spawnSync('ssh-keygen', ['-l', '-E', 'sha256', '-f', `${file}.pub`], { encoding: 'utf8' }).stdout
  return /SHA256:\S+/.exec(told)?.[0] ?? ''
}

/** It prints the key under which it cosigns when it starts. */
function readVkey(stderr: NodeJS.ReadableStream): Promise<string> {
  return new Promise((resolve, reject) => {
    const said: string[] = []
    createInterface({ input: stderr })
      .on('line', (line) => {
        said.push(line)
        const vkey = /vkey="?([^"\s]+)/.exec(line)?.[1]
        if (vkey) resolve(vkey)
      })
      .on('close', () => reject(new Error(`litewitness did not start: ${said.slice(-3).join(' | ')}`)))
  })
}

/** What its own witnessctl does: it needs a package that not every proxy of modules serves. */
function registerLog(database: string, vkey: string): void {
  const origin = vkey.split('+')[0] ?? ''
  const db = new DatabaseSync(database)
  db.exec('PRAGMA busy_timeout = 5000')
  db.prepare('INSERT INTO log (origin, tree_size, tree_hash) VALUES (?, 0, ?)').run(origin, EMPTY_ROOT)
  db.prepare('INSERT INTO key (origin, key) VALUES (?, ?)').run(origin, vkey)
  db.close()
}
