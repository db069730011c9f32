import { AppError } from './errors.ts'
import type { Permission, Requirement, Role } from './permissions.ts'

export type PersonActor = {
  kind: 'person'
  tenantId: string
  personId: string
  name: string
  email: string
  role: Role
  founder: boolean
  permissions: ReadonlySet<Permission>
  sessionId: string
  /** `active`, or a pending session good for the second-factor pages only. */
  sessionState: 'active' | 'second_factor' | 'enroll_factor'
  /** When this session last proved its second factor. */
  factorAt: Date | null
  address: string
  userAgent: string
}

export type DeviceActor = {
  kind: 'device'
  tenantId: string
  deviceId: string
  enrollmentId: string
  deviceName: string
  personId: string
  personName: string
  address: string
}

export type ApiKeyActor = {
  kind: 'api_key'
  tenantId: string
  apiKeyId: string
  name: string
  /** The person who made the key; null when made on the server's command line. */
  createdBy: string | null
  permissions: ReadonlySet<Permission>
  address: string
}

/** Our own processes and the server's command line. `name` says which. */
export type SystemActor = { kind: 'system'; tenantId: string; name: string }

/** Reserved for provisioning by SCIM. */
export type ScimActor = {
  kind: 'scim'
  tenantId: string
  name: string
  permissions: ReadonlySet<Permission>
  address: string
}

export type Actor = PersonActor | DeviceActor | ApiKeyActor | SystemActor | ScimActor
export type ActorKind = Actor['kind']

export function systemActor(tenantId: string, name: string): SystemActor {
  return { kind: 'system', tenantId, name }
}

export function actorId(actor: Actor): string {
  switch (actor.kind) {
    case 'person':
      return actor.personId
    case 'device':
      return actor.deviceId
    case 'api_key':
      return actor.apiKeyId
    case 'system':
    case 'scim':
      return actor.name
  }
}

export function actorName(actor: Actor): string {
  return actor.kind === 'device' ? actor.deviceName : actor.name
}

export function actorAddress(actor: Actor): string | undefined {
  return actor.kind === 'system' ? undefined : actor.address || undefined
}

/** Whether `actor` meets `requirement`. The one place that decides it. */
export function isPermitted(actor: Actor, requirement: Requirement): boolean {
  if (actor.kind === 'system') return true
  if (requirement === 'system') return false
  if (requirement === 'device') return actor.kind === 'device'
  if (requirement === 'pending') return actor.kind === 'person'
  if (actor.kind === 'person' && actor.sessionState !== 'active') return false
  if (requirement === 'self') return actor.kind === 'person'
  if (actor.kind === 'device') return false
  return actor.permissions.has(requirement)
}

/** @throws AppError second_factor_required · factor_enrollment_required · forbidden */
export function requirePermission(actor: Actor, requirement: Requirement): void {
  if (isPermitted(actor, requirement)) return
  if (actor.kind === 'person' && actor.sessionState === 'second_factor') throw new AppError('second_factor_required')
  if (actor.kind === 'person' && actor.sessionState === 'enroll_factor')
    throw new AppError('factor_enrollment_required')
  throw new AppError('forbidden', { detail: `This needs the permission ${requirement}.` })
}
