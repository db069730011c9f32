/** The problem codes a device must understand, with their HTTP status. What is not listed is read by its status alone. */
export const DEVICE_PROBLEMS = {
  /** The body or a field of it is wrong; `errors` names the fields. */
  invalid: 400,
  /** The proof does not hold: signature, method, URL, token hash, key or a `jti` that was used before. */
  invalid_dpop_proof: 401,
  /** The proof's time is off or its nonce is stale: sign again with the nonce of the `DPoP-Nonce` header. */
  use_dpop_nonce: 401,
  /** No such token. */
  invalid_token: 401,
  /** Blocked, wiping, wiped or retired. Commands and receipts are still served. */
  device_revoked: 401,
  /** Enrolled, but an admin has not approved it yet. */
  device_pending: 403,
  /** The hardware has an open wipe and may not enrol again. */
  wipe_pending: 403,
  /** Unknown, used or expired enrolment code: one answer for all. */
  enrollment_code_invalid: 403,
  /** The person has as many devices as the policy allows. */
  device_limit_reached: 403,
  /** The app is older than the policy's minimum. */
  app_version_too_old: 403,
  /** The policy does not let this device have the file. */
  policy_denied: 403,
  /** The organisation is suspended. */
  tenant_suspended: 403,
  not_found: 404,
  /** The file cannot be shown here; `reason` says why. It may still be downloaded where the policy allows it. */
  not_viewable: 409,
  /** What the server holds of the file does not open any more. */
  content_damaged: 409,
  /** The release is over: ask for another one. */
  gone: 410,
  /** The same `seq` came with other bytes: two copies of one device speak. Both are blocked. */
  clone_suspected: 409,
  payload_too_large: 413,
  /** With `Retry-After`. */
  rate_limited: 429,
  /** With `Retry-After`; nothing was acknowledged. */
  unavailable: 503,
} as const

export type DeviceProblemCode = keyof typeof DEVICE_PROBLEMS
