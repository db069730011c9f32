/**
 * ok: what was signed is a beginning of what there is · unsigned: nothing was signed yet · behind: the database has fewer
 * entries than were signed (an old backup) · different: it has others · key_missing: checkpoints exist but not their key ·
 * file_missing: the data directory lacks checkpoints that the database has; the worker puts them there again and writes it down.
 */
export type LogState = 'ok' | 'unsigned' | 'behind' | 'different' | 'key_missing' | 'file_missing'

/** A witness's signature on a checkpoint, and when it says it saw it. */
export type CosignatureView = { name: string; at: string }
export type CheckpointView = { size: number; root: string; signedAt: string; cosignatures: CosignatureView[] }

/** Why a witness or a mail server did not take the newest checkpoint. */
export type AnchorProblem =
  | 'unreachable'
  | 'forbidden_address'
  | 'redirect'
  | 'timeout'
  | 'too_large'
  | 'unknown_log'
  | 'unknown_key'
  | 'refused'
  | 'inconsistent'
  | 'ahead'
  | 'differs'
  | 'conflict'
  | 'bad_answer'
  | 'bad_signature'
  | 'bad_time'
  | 'mail_refused'

/** Somebody outside who is shown the checkpoints: a witness (`place` is its URL) or an address that they are mailed to. */
export type AnchorView = {
  id: string
  kind: 'witness' | 'mail'
  name: string
  place: string
  vkey: string | null
  /** The checkpoint it holds, and since when; null before the first. */
  size: number | null
  anchoredAt: string | null
  triedAt: string | null
  problem: AnchorProblem | null
  /** What it answered, as far as that is of use. */
  detail: string | null
}

/** An epoch that was declared after the log had been found to contradict what was published. */
export type EpochView = { epoch: number; origin: string; firstIndex: number; agreedSize: number; startedAt: string }

/** What declaring a new epoch would mean now. */
export type EpochChoice = { state: LogState; isNeeded: boolean; heldSize: number; publishedSize: number }

/** Somebody outside holds a checkpoint of this log that what is stored still extends. */
export type Anchored = { kind: 'witness' | 'mail'; name: string; size: number; at: string }

/** What the Trust page and the badge of the audit page say. */
export type Trust = {
  state: LogState
  /** What was signed is stored, and somebody outside has held a checkpoint of it for less than a day. */
  isIntact: boolean
  /** The newest of those outside, however old. */
  anchored: Anchored | null
  anchors: AnchorView[]
  /** Whether mail can be sent at all (SMTP_URL). */
  hasMail: boolean
  epoch: number
  epochs: EpochView[]
  /** The log takes no entry until a new epoch is declared or the right database is back. */
  isFrozen: boolean
  origin: string
  /** Below the gateway's URL. */
  path: string
  vkey: string | null
  /** SHA-256 of the public key, base64: what to compare by telephone. */
  fingerprint: string | null
  size: number
  checkpoints: CheckpointView[]
  note: string | null
  /** The last verification on request, as the log itself tells it. */
  verified: { at: string; ok: boolean; size: number } | null
}
