/** Permissions of people and scopes of API keys are one list (CONTRACT, Admin API). */
export const PERMISSIONS = [
  'devices:read',
  'devices:write',
  'devices:wipe',
  'policies:read',
  'policies:write',
  'people:read',
  'people:write',
  'content:read',
  'content:write',
  'audit:read',
  'audit:unmask',
  'audit:write',
  'audit:export',
  'admin',
] as const

export type Permission = (typeof PERMISSIONS)[number]

export function isPermission(name: string): name is Permission {
  return (PERMISSIONS as readonly string[]).includes(name)
}

/** `self` = any signed-in person about themselves; `pending` = also a session that has not passed its second factor; `device` = a device about itself; `system` = only our own processes and the server's command line. */
export type Requirement = Permission | 'self' | 'pending' | 'device' | 'system'

export const ROLES = ['owner', 'admin', 'compliance', 'member'] as const
export type Role = (typeof ROLES)[number]

export const ROLE_PERMISSIONS: Record<Role, readonly Permission[]> = {
  owner: PERMISSIONS,
  admin: [
    'devices:read',
    'devices:write',
    'devices:wipe',
    'policies:read',
    'policies:write',
    'people:read',
    'people:write',
    'content:read',
    'content:write',
    'audit:read',
  ],
  compliance: [
    'devices:read',
    'policies:read',
    'people:read',
    'content:read',
    'audit:read',
    'audit:unmask',
    'audit:export',
  ],
  member: [],
}
