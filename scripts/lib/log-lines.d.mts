export type Severity = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'

export interface LogSink {
  /** A line some process printed. */
  pass(component: string, text: string, fallbackLevel?: Severity): void
  /** A line of the supervisor's own. */
  log(level: Severity, msg: string, fields?: Record<string, unknown>): void
}

export function createLogSink(options: {
  stream?: { write(text: string): unknown }
  isHuman: boolean
  level?: string
}): LogSink
export function postgresLevel(line: string): Severity
