import { performance } from 'node:perf_hooks'
import ipaddr from 'ipaddr.js'
import { AppError } from '#server/kernel/errors.ts'

/** So many at once, and so many a second in the long run. */
export type Rate = { burst: number; perSecond: number }

export type GatewayRates = {
  /** Requests of one device. */
  device: Rate
  /** Requests from one address that could not be authenticated. */
  failures: Rate
  /** Attempts to enrol from one address. */
  enroll: Rate
  /** Attempts to enrol from one address that were refused: guessing. */
  refusedEnroll: Rate
}

/** One address may stand for a whole office: only what fails is counted strictly. */
export const DEFAULT_RATES: GatewayRates = {
  device: { burst: 240, perSecond: 60 },
  failures: { burst: 60, perSecond: 1 },
  enroll: { burst: 60, perSecond: 1 },
  refusedEnroll: { burst: 10, perSecond: 1 / 60 },
}

const MAX_KEYS = 100_000

type Bucket = { tokens: number; atMs: number }

/** Token buckets of one kind, in this process's memory; the oldest are forgotten when there are too many. */
export class RateLimit {
  readonly #rate: Rate
  readonly #buckets = new Map<string, Bucket>()

  constructor(rate: Rate) {
    this.#rate = rate
  }

  /** Takes one. @throws AppError rate_limited with the seconds until there is one again */
  take(key: string): void {
    const bucket = this.#refilled(key)
    this.#refuseEmpty(bucket)
    bucket.tokens -= 1
  }

  /** Refuses like `take`, but takes nothing: for limits that only failures use up. */
  check(key: string): void {
    this.#refuseEmpty(this.#refilled(key))
  }

  #refuseEmpty({ tokens }: Bucket): void {
    if (tokens >= 1) return
    const retryAfter = Math.max(1, Math.ceil((1 - tokens) / this.#rate.perSecond))
    throw new AppError('rate_limited', { detail: `Too many requests: try again in ${retryAfter} s.`, retryAfter })
  }

  #refilled(key: string): Bucket {
    const nowMs = performance.now()
    const before = this.#buckets.get(key)
    const gained = before ? ((nowMs - before.atMs) / 1000) * this.#rate.perSecond : 0
    const tokens = before ? Math.min(this.#rate.burst, before.tokens + gained) : this.#rate.burst
    const bucket = { tokens, atMs: nowMs }
    // Put at the end: the first of the map is the one not asked for the longest.
    this.#buckets.delete(key)
    this.#buckets.set(key, bucket)
    if (this.#buckets.size > MAX_KEYS) this.#buckets.delete(this.#buckets.keys().next().value ?? '')
    return bucket
  }
}

/** What an address counts as: an IPv6 host has a whole /64 to choose from. */
export function networkOf(address: string): string {
  if (!address.includes(':') || !ipaddr.IPv6.isValid(address)) return address
  return ipaddr.IPv6.parse(address).parts.slice(0, 4).join(':')
}
