import { spawn } from 'node:child_process'
import path from 'node:path'
import { entryArgs } from './bootstrap.mjs'
import { ManagedProcess } from './managed-process.mjs'
import { dataDirOf, ROOT } from './paths.mjs'
import { Refusal } from './refusal.mjs'

/** The demo never mixes with an instance that somebody uses: its data directory is its own. */
export function demoDataDirOf(env = process.env) {
  return env.GATEHOUSE_DATA_DIR ? dataDirOf(env) : path.join(ROOT, '.gatehouse-demo')
}

/** Prepares the demo organisation the first time, says how to sign in, and lets its devices go on beside the server. */
export async function startDemo(run, env, onChange) {
  const seed = spawn(process.execPath, entryArgs('scripts/demo/seed.ts'), {
    cwd: ROOT,
    env: { ...env, LOG_LEVEL: 'error', GATEHOUSE_GUARD_FD: '3' },
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
    signal: run.stopped.signal,
  })
  const how = await new Promise((resolve) => {
    seed.once('error', (error) => resolve(error.message))
    seed.once('exit', (code, signal) => resolve(signal ?? code))
  })
  if (run.isStopping) return
  if (how !== 0) throw new Refusal(`the demo could not be prepared (${how})`)
  const spec = { name: 'demo', args: entryArgs('scripts/demo/live.ts'), env, stopMs: 2000 }
  const devices = new ManagedProcess(spec, run.sink, onChange)
  // First in the order in which things are stopped: the devices leave before the server does.
  run.processes.unshift(devices)
  devices.start()
}
