import type { VerifyFailureCode } from '#protocol/audit/verify-differences.ts'

/**
 * What "verify now" found; on failure `index` is the first entry that is wrong, `until` the last of several or of those that may
 * be it.
 */
export type Verification =
  | { ok: true; size: number; personalChecked: number; tookMs: number }
  | {
      ok: false
      code: VerifyFailureCode
      index: number | null
      until: number | null
      reason: string
      tookMs: number
    }

/** queued → running → finished with a result, whatever it says; or failed: it could not be carried out. */
export type VerificationState = 'queued' | 'running' | 'finished' | 'failed'
/** First the entries are compared with the tree, then what is searched with the entries. */
export type VerificationPhase = 'entries' | 'index'
/** Why a verification could not be carried out; `failed` is explained in the server's own log. */
export type VerificationProblem = 'not_signed' | 'failed'

/** A verification on request. `starts` above 1: a worker ended on the way, and it was started again. */
export type VerificationRun = {
  id: string
  state: VerificationState
  phase: VerificationPhase
  /** Of `size` entries so many are done in this phase. */
  checked: number
  size: number
  starts: number
  askedAt: string
  finishedAt: string | null
  result: Verification | null
  problem: VerificationProblem | null
}
