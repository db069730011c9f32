import { type DestinationStream, type Logger, type LoggerOptions, pino } from 'pino'

/** Names under which a value never reaches a log line, at the top or up to two objects down. */
const SECRET_NAMES = [
  'authorization',
  'cookie',
  'set-cookie',
  'dpop',
  'password',
  'code',
  'token',
  'secret',
  'share',
  'recoveryCodes',
  'privateKey',
  'connectionString',
]

const paths = SECRET_NAMES.flatMap((name) => [`["${name}"]`, `*["${name}"]`, `*.*["${name}"]`])

/** What an error may say in a log: its message and stack, and of the database's fields the code alone. */
function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return { message: String(error) }
  // Other enumerable fields (a query's parameters, a request) may carry personal values.
  const { name, message, stack, cause } = error
  const sqlState = 'code' in error && typeof error.code === 'string' ? { errorCode: error.code } : {}
  return { name, message, stack, ...sqlState, ...(cause === undefined ? {} : { cause: serializeError(cause) }) }
}

/**
 * The JSON logger of one process, on standard output.
 * @param component who speaks: `console`, `gateway`, `worker`, `cli`
 */
export function createLog(component: string, options: LoggerOptions = {}, destination?: DestinationStream): Logger {
  const settings: LoggerOptions = {
    level: process.env.LOG_LEVEL || 'info',
    base: { component, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths, censor: '[redacted]' },
    serializers: { err: serializeError, error: serializeError },
    ...options,
  }
  return destination ? pino(settings, destination) : pino(settings)
}
