/** The three logins; apart from the migrations, which a bundle of the console must not reach for. */
export const LOGIN_ROLES = ['reader', 'writer', 'worker'] as const
export type LoginRole = (typeof LOGIN_ROLES)[number]

/** Nobody logs in as these: `owner` owns the tables, `search` the functions that search the log, `retention` those that remove from it; `backup` reads all that belongs in one. */
export const SILENT_ROLES = ['owner', 'search', 'retention', 'backup'] as const
export type SilentRole = (typeof SILENT_ROLES)[number]

/** Roles are cluster-wide, so their names begin with the database's. */
export function roleName(database: string, suffix: LoginRole | SilentRole): string {
  return `${database}_${suffix}`
}
