import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import readline from 'node:readline'
import { text } from 'node:stream/consumers'
import type { Device } from '#agent/core/device.ts'
import { recordEvent } from '#agent/core/events.ts'
import { openDevice, openWorkspace } from '#agent/node/workspace.ts'
import type { Instance } from './instance.ts'
import type { Operator } from './operator.ts'

const AGENT = path.resolve(import.meta.dirname, '../../agent/node/main.ts')

function start(args: readonly string[], env: Readonly<Record<string, string>>): ChildProcess {
  const own = { ...env, NODE_OPTIONS: '', NODE_COMPILE_CACHE: path.join(env.GATEHOUSE_DATA_DIR ?? '', 'agent-cache') }
  return spawn(process.execPath, ['--disable-warning=ExperimentalWarning', AGENT, ...args], {
    env: own as unknown as NodeJS.ProcessEnv,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

export type Finished = { code: number | null; stdout: string; stderr: string }

/** Runs one command of the real agent to its end. */
export async function runAgent(instance: Instance, ...args: string[]): Promise<Finished> {
  const child = start(args, instance.env)
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout as NodeJS.ReadableStream),
    text(child.stderr as NodeJS.ReadableStream),
    once(child, 'close'),
  ])
  return { code, stdout, stderr }
}

/** A device with the real agent on it: `run` as a process of its own, events recorded beside it as a host app would. */
export class AgentDevice {
  readonly dir: string
  readonly deviceId: string
  /** What was recorded, in the order of its numbers. */
  readonly recorded: number[] = []
  /** Events that the agent has heard to be durable. */
  sent = 0
  #instance: Instance
  #process: ChildProcess | null = null
  #device: Promise<Device> | null = null

  constructor(instance: Instance, dir: string, deviceId: string) {
    this.#instance = instance
    this.dir = dir
    this.deviceId = deviceId
  }

  /** Enrols by the command line; an answer that got lost is asked for again with the same directory and code. */
  static async enroll(instance: Instance, operator: Operator, dir: string): Promise<AgentDevice> {
    const { personId } = operator.owner
    const { code } = await operator.insist('POST', '/enrollment-codes', { personId })
    const args = ['--gateway', instance.gatewayUrl, '--code', String(code), '--dir', dir, '--ca', instance.caFile]
    for (;;) {
      const name = path.basename(dir)
      const { code: exit, stdout, stderr } = await runAgent(instance, 'enroll', ...args, '--name', name, '--json')
      if (exit === 0) return new AgentDevice(instance, dir, (JSON.parse(stdout) as { deviceId: string }).deviceId)
      // 6: the gateway does not answer. Anything else is a refusal.
      if (exit !== 6) throw new Error(`enroll: exit ${exit}: ${stderr}`)
    }
  }

  get isRunning(): boolean {
    return this.#process !== null && this.#process.exitCode === null && this.#process.signalCode === null
  }

  /** Starts `gatehouse-agent run`. */
  run(): void {
    const child = start(['run', '--dir', this.dir, '--json'], this.#instance.env)
    child.stderr?.resume()
    readline.createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      const said = JSON.parse(line) as { event?: string; count?: number }
      if (said.event === 'sent') this.sent += said.count ?? 0
    })
    this.#process = child
  }

  /** Kills it outright (kill -9) and waits until it is gone. */
  async kill(): Promise<void> {
    const child = this.#process
    if (!child || !this.isRunning) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  /** Records an event, durably, in the queue that the running agent sends from. */
  async record(fileId: string): Promise<void> {
    const target = { type: 'file', id: fileId }
    this.recorded.push(await recordEvent(await this.opened(), { action: 'file.view', outcome: 'allowed', target }))
  }

  /** How many events still wait on the device. */
  async waiting(): Promise<number> {
    return (await (await this.opened()).queue.state()).waiting
  }

  /** The device as a host app holds it, in this process. */
  opened(): Promise<Device> {
    this.#device ??= openWorkspace(this.dir).then((workspace) => openDevice(workspace))
    return this.#device
  }

  async close(): Promise<void> {
    await this.kill()
    const device = await this.#device?.catch(() => null)
    device?.queue.close()
  }
}
