import { spawn } from 'node:child_process'
import readline from 'node:readline'
import { ROOT } from './paths.mjs'

const FIRST_DELAY_MS = 500
const LONGEST_DELAY_MS = 30_000
const STEADY_AFTER_MS = 60_000

/**
 * A process that is started again when it ends by itself, after a delay that doubles up to 30 s while it keeps failing.
 * `start` begins, `stop` ends it for good. `onChange` hears of every start and end.
 */
export class ManagedProcess {
  #spec
  #sink
  #onChange
  #child
  #timer
  #failures = 0
  #isStopping = false

  /** @param {{name: string, args: string[], env: object, stopMs: number}} spec `args` are those of Node */
  constructor(spec, sink, onChange = () => {}) {
    this.#spec = spec
    this.#sink = sink
    this.#onChange = onChange
  }

  get name() {
    return this.#spec.name
  }

  get pid() {
    return this.#child?.pid
  }

  /** How often it ended by itself since it last ran for a minute. */
  get failures() {
    return this.#failures
  }

  start() {
    const { name, args, env } = this.#spec
    const startedAt = Date.now()
    const child = spawn(process.execPath, args, {
      cwd: ROOT,
      // Under --watch the guard would run in a grandchild, which that descriptor does not reach.
      env: args.includes('--watch') ? env : { ...env, GATEHOUSE_GUARD_FD: '3' },
      // Its own process group: a terminal's Ctrl-C reaches the supervisor alone, which stops things in order.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    })
    this.#child = child
    child.stdio[3].on('error', () => {})
    readline.createInterface({ input: child.stdout }).on('line', (line) => this.#sink.pass(name, line))
    readline.createInterface({ input: child.stderr }).on('line', (line) => this.#sink.pass(name, line, 'error'))
    child.once('error', (error) => this.#sink.log('error', `${name} could not be started: ${error.message}`))
    child.once('exit', (code, signal) => this.#ended(startedAt, signal ?? code))
    this.#onChange(this)
  }

  #ended(startedAt, how) {
    this.#child = undefined
    this.#onChange(this)
    if (this.#isStopping) return
    this.#failures = Date.now() - startedAt > STEADY_AFTER_MS ? 1 : this.#failures + 1
    const ceiling = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (this.#failures - 1))
    const delayMs = Math.round(ceiling * (0.5 + Math.random() / 2))
    this.#sink.log('error', `${this.name} ended (${how}); starting it again in ${delayMs} ms`, {
      failures: this.#failures,
    })
    this.#timer = setTimeout(() => this.start(), delayMs)
  }

  /** Asks it to end, and after its time is over makes it. */
  async stop() {
    this.#isStopping = true
    clearTimeout(this.#timer)
    const child = this.#child
    if (!child) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    const timer = setTimeout(() => {
      this.#sink.log('warn', `${this.name} did not stop within ${this.#spec.stopMs} ms and was killed`)
      this.kill()
    }, this.#spec.stopMs)
    child.kill('SIGTERM')
    await ended
    clearTimeout(timer)
  }

  /** Ends it at once, with whatever it started. */
  kill() {
    this.#isStopping = true
    clearTimeout(this.#timer)
    const pid = this.#child?.pid
    if (!pid) return
    try {
      process.kill(-pid, 'SIGKILL')
    } catch {
      this.#child?.kill('SIGKILL')
    }
  }
}
