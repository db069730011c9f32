import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { enroll } from '#agent/core/enroll.ts'
import { fetchPolicy } from '#agent/core/policy.ts'
import { type FactOptions, factsFrom, givenFacts } from '#agent/node/facts.ts'
import { openDevice, prepareWorkspace } from '#agent/node/workspace.ts'
import type { Gateway } from './gateway.ts'

const ENTRY = fileURLToPath(new URL('../node/main.ts', import.meta.url))
/** Halves the start of each process. */
const COMPILE_CACHE = fileURLToPath(new URL('../../node_modules/.cache/agent-tests', import.meta.url))

export type Finished = { code: number | null; stdout: string; stderr: string }

/** Starts the agent as its own process. */
export function spawnAgent(args: readonly string[]): ChildProcess {
  const env = { ...process.env, NODE_COMPILE_CACHE: COMPILE_CACHE }
  return spawn(process.execPath, [ENTRY, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env })
}

/** Runs one command of the agent to its end. */
export async function agent(...args: string[]): Promise<Finished> {
  const child = spawnAgent(args)
  let [stdout, stderr] = ['', '']
  child.stdout?.on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr?.on('data', (chunk) => {
    stderr += chunk
  })
  const [code] = await once(child, 'close')
  return { code, stdout, stderr }
}

/** Runs one command with `--json`, expects success and gives what it printed. */
export async function agentJson(...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await agent(...args, '--json')
  if (code !== 0) throw new Error(`exit ${code}: ${stderr}${stdout}`)
  return JSON.parse(stdout)
}

/** A fresh directory with the gateway's CA beside it, and what removes both. */
export async function freshDirectory(gateway: Gateway) {
  const root = await mkdtemp(join(tmpdir(), 'gatehouse-agent-'))
  const ca = join(root, 'ca.pem')
  await writeFile(ca, gateway.ca)
  return { root, dir: join(root, 'device'), ca, remove: () => rm(root, { recursive: true, force: true }) }
}

/** Enrols a device as the command line would, without a process of its own. */
export async function enrollAgent(
  gateway: Gateway,
  place: { dir: string; ca: string },
  facts: FactOptions = {},
): Promise<void> {
  const workspace = await prepareWorkspace(place.dir, place.ca)
  await enroll(workspace.ports, {
    gatewayUrl: gateway.url,
    code: 'CODE-1',
    facts: factsFrom(facts),
    givenFacts: givenFacts(facts),
  })
  const device = await openDevice(workspace)
  await fetchPolicy(device)
  device.queue.close()
  await workspace.close()
}

/** Waits until the condition holds; fails after twenty seconds with what was awaited. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited in vain: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
