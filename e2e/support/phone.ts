import { type ChildProcess, execFile, spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import type { Instance } from './instance.ts'

const LAUNCHER = path.resolve(import.meta.dirname, '../../bin/gatehouse-agent.mjs')
const run = promisify(execFile)

type Options = { name?: string; platform?: string; appVersion?: string; preventCapture?: boolean }

/** A device in somebody's pocket: the real agent, with a directory and processes of its own. */
export class Phone {
  readonly dir: string
  readonly #root: string
  readonly #instance: Instance
  #running: ChildProcess | undefined

  constructor(instance: Instance) {
    this.#instance = instance
    this.#root = fs.mkdtempSync(path.join(os.tmpdir(), 'gatehouse-phone-'))
    this.dir = path.join(this.#root, 'device')
  }

  async enroll(code: string, options: Options = {}): Promise<string> {
    const { name = 'Rosa’s phone', platform = 'android', appVersion = '1.4.0', preventCapture = false } = options
    const { gatewayUrl, caFile } = this.#instance
    const said = await this.#call(
      ...['enroll', '--gateway', gatewayUrl, '--code', code, '--ca', caFile],
      ...['--name', name, '--platform', platform, '--os-version', '15', '--app-version', appVersion],
      ...(preventCapture ? ['--prevent-capture'] : []),
    )
    return said.deviceId as string
  }

  /** `gatehouse-agent run`, until the phone is put away. */
  switchOn(): void {
    this.#running = spawn(process.execPath, [LAUNCHER, 'run', '--dir', this.dir], { stdio: 'ignore' })
  }

  async switchOff(): Promise<void> {
    const child = this.#running
    this.#running = undefined
    if (!child || child.exitCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    await ended
  }

  async files(): Promise<{ id: string; name: string }[]> {
    const said = await this.#call('files')
    return (Array.isArray(said) ? said : said.items) as { id: string; name: string }[]
  }

  /** Opens a file for viewing and gives what is in it. */
  async open(fileId: string): Promise<string> {
    const { stdout } = await run(process.execPath, [LAUNCHER, 'open', fileId, '--out', '-', '--dir', this.dir])
    return stdout
  }

  /** What the phone says when it may not open a file. */
  async refusedOpen(fileId: string): Promise<string> {
    const failed = await this.open(fileId).then(
      () => null,
      (error: { stderr: string }) => error.stderr,
    )
    if (failed === null) throw new Error('the file was opened')
    return failed
  }

  /** What a host app calls when somebody captures the screen; gives what became of it. */
  async reportScreenshot(fileId: string): Promise<Record<string, unknown>> {
    return this.#call('report', 'screenshot', '--file', fileId)
  }

  async status(): Promise<Record<string, unknown>> {
    return this.#call('status')
  }

  async putAway(): Promise<void> {
    await this.switchOff()
    fs.rmSync(this.#root, { recursive: true, force: true })
  }

  async #call(...args: string[]): Promise<Record<string, unknown>> {
    const { stdout } = await run(process.execPath, [LAUNCHER, ...args, '--dir', this.dir, '--json'])
    return JSON.parse(stdout)
  }
}
