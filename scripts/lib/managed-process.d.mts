import type { LogSink } from './log-lines.mjs'

export interface ProcessSpec {
  name: string
  /** Arguments of Node. */
  args: string[]
  env: Record<string, string | undefined>
  /** How long it may take to end when asked. */
  stopMs: number
}

export class ManagedProcess {
  constructor(spec: ProcessSpec, sink: LogSink, onChange?: (process: ManagedProcess) => void)
  get name(): string
  get pid(): number | undefined
  get failures(): number
  start(): void
  stop(): Promise<void>
  kill(): void
}
