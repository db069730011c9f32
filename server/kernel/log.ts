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
  const { name, cause } = error
  const message = withoutValues(error)
  // A stack begins with the message as it was.
  const frames = error.stack?.split('\n').filter((line) => /^\s+at /.test(line)) ?? []
  const stack = [`${name}: ${message}`, ...frames].join('\n')
  const sqlState = 'code' in error && typeof error.code === 'string' ? { errorCode: error.code } : {}
  return { name, message, stack, ...sqlState, ...(cause === undefined ? {} : { cause: serializeError(cause) }) }
}

/** Prisma writes all arguments of a failed call into its message, password hashes among them, and PostgreSQL the value it could not read. */
function withoutValues({ name, message }: Error): string {
  const said = name.startsWith('PrismaClient') ? message.replace(/invocation.*\n\n/s, 'invocation: ').trim() : message
  return said.replace(/: \\?"[^"]*"/g, ': "…"')
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
