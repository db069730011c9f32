import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { text } from 'node:stream/consumers'

const HERE = import.meta.dirname
const CACHE = join(HERE, '../node_modules/.cache/interop')

/** A tool of another language that cannot be had here, and why. */
export class Missing extends Error {
  override name = 'Missing'
}

type Ran = { code: number; stdout: string; stderr: string }

/** Runs a program to its end. @throws Error with the last of what it wrote, where it fails */
export async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await runWhole(program, args, options)
  if (code !== 0) throw new Error(`${(stderr || stdout).trim().split('\n').slice(-4).join(' | ')} (exit ${code})`)
  return stdout.trim()
}

type RunOptions = { input?: string; cwd?: string; env?: NodeJS.ProcessEnv }

async function runWhole(program: string, args: readonly string[], options: RunOptions): Promise<Ran> {
  const { input = '', cwd, env = process.env } = options
  const child = spawn(program, [...args], { cwd, env, stdio: 'pipe' })
  // A program that ends before it has read everything says why itself.
  child.stdin.on('error', () => {}).end(input)
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return { code: code ?? 1, stdout, stderr }
}

function find(name: string, ...folders: string[]): string | undefined {
  return [...(process.env.PATH ?? '').split(delimiter), ...folders]
    .map((folder) => join(folder, name))
    .find((file) => existsSync(file))
}

/** Builds the packages of Go into the cache and gives their folder. @throws Missing */
export async function buildGo(...packages: string[]): Promise<string> {
  const go = find('go', '/usr/local/go/bin')
  if (!go) throw new Missing('there is no Go on this machine')
  const bin = join(CACHE, 'go')
  mkdirSync(bin, { recursive: true })
  const args = ['build', '-o', `${bin}/`, ...packages]
  const { code, stderr } = await runWhole(go, args, { cwd: join(HERE, 'go') })
  if (code !== 0) throw new Missing(`Go could not build them: ${stderr.trim().split('\n').at(-1)}`)
  return bin
}

/** A Python with the packages of python/requirements.txt. @throws Missing */
export async function makePython(): Promise<string> {
  const system = find('python3')
  if (!system) throw new Missing('there is no Python 3 on this machine')
  const venv = join(CACHE, 'python')
  const python = join(venv, 'bin/python')
  if (!existsSync(python) && spawnSync(system, ['-m', 'venv', venv]).status !== 0)
    throw new Missing('this Python makes no virtual environments')
  const args = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', 'requirements.txt']
  const { code, stderr } = await runWhole(python, args, { cwd: join(HERE, 'python') })
  if (code !== 0) throw new Missing(`pip could not install: ${stderr.trim().split('\n').at(-1)}`)
  return python
}
