import { AgentError, type AgentErrorCode, toAgentError } from '#agent/core/errors.ts'

/** Exit status by reason, for scripts. 0 is success, 1 a fault of the program. */
const EXIT_CODES: Record<AgentErrorCode, number> = {
  usage: 2,
  not_enrolled: 2,
  already_enrolled: 2,
  denied: 3,
  erased: 4,
  revoked: 5,
  pending: 5,
  clone_suspected: 5,
  locked: 6,
  offline: 6,
  busy: 6,
  refused: 7,
  untrusted: 8,
  storage: 9,
}

export type OutputOptions = { json?: boolean | undefined }

/** Writes a result: as one JSON line, or as the lines a person reads. */
export function print(options: OutputOptions, result: object, lines: readonly string[]): void {
  process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : lines.map((line) => `${line}\n`).join(''))
}

/** One line on stderr, and the exit status. */
export function fail(error: unknown): number {
  const told = toAgentError(error)
  if (told instanceof AgentError) {
    process.stderr.write(`gatehouse-agent: ${told.message.replaceAll(/\s+/g, ' ')}\n`)
    return EXIT_CODES[told.code]
  }
  const message = told instanceof Error ? told.message : String(told)
  process.stderr.write(`gatehouse-agent: unexpected failure: ${message.replaceAll(/\s+/g, ' ')}\n`)
  if (process.env.LOG_LEVEL === 'debug' && told instanceof Error) process.stderr.write(`${told.stack}\n`)
  return 1
}
