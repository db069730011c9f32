import { type Algorithm, hash, verify } from '@node-rs/argon2'
import { AppError } from '#server/kernel/errors.ts'
import { passwordProblem } from './schema.ts'

// OWASP Password Storage Cheat Sheet: Argon2id, m = 19 MiB, t = 2, p = 1. The const enum has no value at run time: 2 is Argon2id.
const OPTIONS = { algorithm: 2 as Algorithm.Argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/** The PHC string to store. */
export function hashPassword(password: string): Promise<string> {
  return hash(password, OPTIONS)
}

/** @throws AppError invalid naming `field` when the password is one that an attacker would try first */
export function requireGoodPassword(password: string, words: readonly string[], field = 'password'): void {
  const problem = passwordProblem(password, words)
  if (problem) throw new AppError('invalid', { detail: `${field}: ${problem}`, fields: { [field]: problem } })
}

// Of a random password nobody knows: verifying against it costs what verifying against a real one costs.
const nobody = hashPassword(crypto.randomUUID())

/**
 * Whether `password` belongs to `stored`. Without a stored hash it does the same work and answers no, so that the time does
 * not tell whether the account exists.
 */
export async function verifyPassword(stored: string | null | undefined, password: string): Promise<boolean> {
  const matches = await verify(stored ?? (await nobody), password)
  return matches && typeof stored === 'string'
}
