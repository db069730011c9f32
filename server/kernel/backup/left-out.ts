/**
 * Tables that no backup holds; the role that makes backups may not read them (migration 20261125000800_backup).
 */
export const LEFT_OUT: readonly string[] = [
  // The servers' halves of the vault keys: what was destroyed must not come back, not even from an old file.
  'vault_share',
  // Whoever was signed in signs in again: a session that was ended since must not live again.
  'session',
  'session_activity',
  'step_up_grant',
  // Spent within minutes.
  'rate_limit',
  'dpop_jti',
  // The index of the log is built anew from the log.
  'audit_run',
  'audit_posting',
  'audit_block',
  // Exports lie in files of their own and are made again from the same question.
  'audit_export',
  'audit_export_run',
  'audit_export_part',
  // Another database was verified than the one that is restored.
  'audit_verification',
]

/** Prisma's own list is written by the migrations themselves. */
export const NOT_OURS: readonly string[] = ['_prisma_migrations']
