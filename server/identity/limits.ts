import ipaddr from 'ipaddr.js'
import { RateLimiterPostgres, type RateLimiterRes } from 'rate-limiter-flexible'
import { pgTransaction } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { emailHmac } from '#server/kernel/keys.ts'

const QUARTER_HOUR_S = 900

/** Counters live in the table `rate_limit`: they survive a restart and hold for every console process together. */
const store = {
  query: (statement: { name?: string; text: string; values?: unknown[] }) =>
    pgTransaction('writer', null, (client) => client.query(statement)),
}

function limiter(keyPrefix: string, points: number, duration: number): RateLimiterPostgres {
  return new RateLimiterPostgres({
    storeClient: store,
    storeType: 'client',
    tableName: 'rate_limit',
    tableCreated: true,
    clearExpiredByTimeout: false,
    keyPrefix,
    points,
    duration,
  })
}

/** Attempts of one address, whatever it tries. */
const perAddress = limiter('signin-address', 60, QUARTER_HOUR_S)
/** Attempts of one address at one account. */
const perPair = limiter('signin-pair', 10, QUARTER_HOUR_S)
/** Attempts at one account from addresses that never signed in to it. It slows down: no account is closed for longer than the window, and never from where its owner signs in. */
const perAccount = limiter('signin-account', 30, 600)
/** Wrong codes of one person; whoever gets here knows the password. */
const perFactor = limiter('factor', 10, 600)
/** One-time links: setup and invitations. */
const perLink = limiter('link', 30, QUARTER_HOUR_S)

export type SignInAttempt = { email: string; address: string; isKnownAddress: boolean }

/** Counts an attempt before it is checked. @throws AppError rate_limited with Retry-After */
export async function countSignIn({ email, address, isKnownAddress }: SignInAttempt): Promise<void> {
  const account = accountKey(email)
  await consume(perAddress, networkOf(address))
  await consume(perPair, `${account}:${networkOf(address)}`)
  if (!isKnownAddress) await consume(perAccount, account)
}

/** A success gives back what its attempts have used. */
export async function forgiveSignIn({ email, address, isKnownAddress }: SignInAttempt): Promise<void> {
  const account = accountKey(email)
  await perPair.delete(`${account}:${networkOf(address)}`)
  await perAddress.reward(networkOf(address), 1)
  if (!isKnownAddress) await perAccount.reward(account, 1)
}

/** Counts a try of a second factor. @throws AppError rate_limited */
export async function countFactor(personId: string): Promise<void> {
  await consume(perFactor, personId)
}

export async function forgiveFactor(personId: string): Promise<void> {
  await perFactor.delete(personId)
}

/** Counts a try of a one-time link. @throws AppError rate_limited */
export async function countLink(address: string): Promise<void> {
  await consume(perLink, networkOf(address))
}

/** Hashed: the table says nothing about who has an account. */
function accountKey(email: string): string {
  return emailHmac(email).toString('base64url')
}

/** One subscriber: an IPv4 address, or the /64 that an IPv6 host may pick addresses from at will. */
function networkOf(address: string): string {
  if (!ipaddr.isValid(address)) return 'unknown'
  const parsed = ipaddr.process(address)
  return parsed.kind() === 'ipv4' ? parsed.toString() : parsed.toNormalizedString().split(':').slice(0, 4).join(':')
}

async function consume(bucket: RateLimiterPostgres, key: string): Promise<void> {
  try {
    await bucket.consume(key)
  } catch (refusal) {
    // Anything but the limiter's own answer is a failure of the database.
    if (refusal instanceof Error) throw refusal
    const retryAfter = Math.max(1, Math.ceil((refusal as RateLimiterRes).msBeforeNext / 1_000))
    throw new AppError('rate_limited', { detail: `Too many attempts. Try again in ${retryAfter} s.`, retryAfter })
  }
}
