import type { Bytes } from '#lib/bytes.ts'
import type { Clock } from './ports.ts'

/** The server's share in memory, for as long as it was lent. It is never written anywhere. */
export type Lease = {
  /** Changes with every `drop`. */
  epoch(): number
  /**
   * Keeps the share for `leaseSeconds`; 0 keeps nothing. `epoch` is the one from before the server was asked: where a lock came
   * in while its answer was on the way, the share is not kept.
   */
  keep(share: Bytes, leaseSeconds: number, epoch: number): void
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
  let drops = 0

  function forget(): void {
    kept?.share.fill(0)
    kept = null
  }

  function leftMs(): number {
    if (!kept) return 0
    return Math.max(0, Math.min(kept.endsAt - clock.now(), kept.endsAtMonotonic - clock.monotonic()))
  }

  return {
    epoch: () => drops,
    keep(share, leaseSeconds, epoch) {
      if (epoch !== drops) return
      forget()
      if (leaseSeconds <= 0) return
      const lastsMs = leaseSeconds * 1000
      kept = { share: share.slice(), endsAt: clock.now() + lastsMs, endsAtMonotonic: clock.monotonic() + lastsMs }
    },
    share() {
      if (leftMs() > 0 && kept) return kept.share.slice()
      forget()
      return null
    },
    leftMs,
    drop() {
      drops += 1
      forget()
    },
  }
}
