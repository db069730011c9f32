import type { Bytes } from '#lib/bytes.ts'
import type { Clock } from './ports.ts'

/** The server's share in memory, for as long as it was lent. It is never written anywhere. */
export type Lease = {
  /** Keeps the share for `leaseSeconds`; 0 keeps nothing. */
  keep(share: Bytes, leaseSeconds: number): void
  /** The share, or null once the lease is over on either clock. */
  share(): Bytes | null
  /** Milliseconds left. */
  leftMs(): number
  drop(): void
}

type Kept = { share: Bytes; endsAt: number; endsAtMonotonic: number }

/**
 * A lease ends on the wall clock or on the monotonic one, whichever is first: the former also counts while the machine
 * sleeps, the latter cannot be set back.
 */
export function createLease(clock: Clock): Lease {
  let kept: Kept | null = null

  function drop(): void {
    kept?.share.fill(0)
    kept = null
  }

  function leftMs(): number {
    if (!kept) return 0
    return Math.max(0, Math.min(kept.endsAt - clock.now(), kept.endsAtMonotonic - clock.monotonic()))
  }

  return {
    keep(share, leaseSeconds) {
      drop()
      if (leaseSeconds <= 0) return
      const lastsMs = leaseSeconds * 1000
      kept = { share: share.slice(), endsAt: clock.now() + lastsMs, endsAtMonotonic: clock.monotonic() + lastsMs }
    },
    share() {
      if (leftMs() > 0 && kept) return kept.share.slice()
      drop()
      return null
    },
    leftMs,
    drop,
  }
}
