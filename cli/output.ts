import { isAppError } from '#server/kernel/errors.ts'

/** A command that cannot do what it was asked, said in one line. */
export class CliError extends Error {
  override name = 'CliError'
}

const EXPECTED: ReadonlySet<string> = new Set([
  'CliError',
  'Refusal',
  'EnvError',
  'MigrateError',
  'MasterKeyError',
  'BackupError',
])

/** One line for whoever typed the command; a bug names itself as one. */
export function oneLine(error: unknown): string {
  if (isAppError(error)) return error.detail.replaceAll('\n', ' ')
  if (!(error instanceof Error)) return String(error)
  const isExpected = EXPECTED.has(error.name) || EXPECTED.has(error.constructor.name)
  const text = error.message.trim().replace(/\s*\n\s*/g, '; ')
  return isExpected ? text : `unexpected: ${text}`
}

/** Prints the answer: JSON for programs, else the line for people. */
export function print(json: boolean | undefined, answer: unknown, line: string): void {
  process.stdout.write(`${json ? JSON.stringify(answer) : line}\n`)
}

/** A secret from standard input, without the newline that `echo` adds. @throws CliError when there is none */
export async function readSecret(option = '--password-stdin'): Promise<string> {
  if (process.stdin.isTTY)
    throw new CliError(`${option}: pipe the secret in, as in: printf %s "$PASSWORD" | gatehouse … ${option}`)
  let text = ''
  for await (const chunk of process.stdin.setEncoding('utf8')) {
    text += chunk
    if (text.length > 10_000) throw new CliError(`${option}: this is not a password`)
  }
  const secret = text.replace(/\r?\n$/, '')
  if (secret === '') throw new CliError(`${option}: standard input is empty`)
  return secret
}
