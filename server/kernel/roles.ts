/** The three logins; apart from the migrations, which a bundle of the console must not reach for. */
export const LOGIN_ROLES = ['reader', 'writer', 'worker'] as const
export type LoginRole = (typeof LOGIN_ROLES)[number]

/** Roles are cluster-wide, so their names begin with the database's. */
export function roleName(database: string, suffix: LoginRole | 'owner'): string {
  return `${database}_${suffix}`
}
