import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { type Actor, isPermitted, systemActor } from '#server/kernel/actor.ts'
import { type CommandSummary, commandList } from '#server/kernel/command.ts'
import { PERMISSIONS, type Requirement, ROLE_PERMISSIONS, ROLES } from '#server/kernel/permissions.ts'
import { queryList } from '#server/kernel/query.ts'

const SERVER = fileURLToPath(new URL('../server', import.meta.url))

// Importing every door of every domain fills the lists: a command that nobody listed here cannot hide.
for (const domain of readdirSync(SERVER, { withFileTypes: true })) {
  if (!domain.isDirectory() || ['kernel', 'http', 'jobs'].includes(domain.name)) continue
  for (const door of readdirSync(join(SERVER, domain.name))) {
    if (/^(commands|queries|jobs)\.ts$/.test(door)) await import(join(SERVER, domain.name, door))
  }
}

const commands = commandList()
const queries = queryList()

describe('every command', () => {
  it('declares its risk, and the list is known', () => {
    expect(
      Object.fromEntries(
        commands.map(({ name, risk, stepUp, permission }) => [
          name,
          `${risk} · ${permission}${stepUp === 'none' ? '' : ` · ${stepUp} factor`}`,
        ]),
      ),
    ).toMatchInlineSnapshot(`
      {
        "api_key.create": "guard · admin · fresh factor",
        "api_key.revoke": "reversible · admin",
        "audit.anchor.remove": "guard · admin · fresh factor",
        "audit.archive": "none · system",
        "audit.archive.follow": "none · system",
        "audit.archive.rule": "reversible · admin",
        "audit.archive.withdraw": "none · system",
        "audit.checkpoint.missing": "none · system",
        "audit.epoch.start": "guard · admin · fresh factor",
        "audit.erase": "irreversible · admin · fresh factor",
        "audit.erase.again": "none · system",
        "audit.erase.approve": "guard · admin · fresh factor",
        "audit.erase.cancel": "none · admin",
        "audit.erase.finish": "none · system",
        "audit.erase.release": "guard · admin · fresh factor",
        "audit.export": "none · audit:export",
        "audit.export.cancel": "none · audit:export",
        "audit.export.download": "none · audit:export",
        "audit.export.who_saw": "none · audit:export",
        "audit.hold": "none · audit:export",
        "audit.hold.release": "irreversible · admin · fresh factor",
        "audit.hold.release.approve": "guard · admin · fresh factor",
        "audit.hold.release.cancel": "none · admin",
        "audit.hold.release.release": "guard · admin · fresh factor",
        "audit.import": "none · audit:write",
        "audit.mapping.delete": "reversible · audit:write",
        "audit.mapping.save": "reversible · audit:write",
        "audit.purge": "none · system",
        "audit.purge.abandon": "none · system",
        "audit.recipient.add": "guard · admin · fresh factor",
        "audit.retention": "reversible · admin",
        "audit.retention.shorten": "irreversible · admin · fresh factor",
        "audit.retention.shorten.approve": "guard · admin · fresh factor",
        "audit.retention.shorten.cancel": "none · admin",
        "audit.retention.shorten.release": "guard · admin · fresh factor",
        "audit.search": "none · audit:read",
        "audit.unmask": "none · audit:unmask",
        "audit.unmask.end": "none · audit:unmask",
        "audit.unmask.exported": "none · system",
        "audit.unmask.shown": "none · audit:unmask",
        "audit.verify": "none · audit:read",
        "audit.verify.finish": "none · system",
        "audit.view.create": "none · audit:read",
        "audit.view.delete": "none · audit:read",
        "audit.view.update": "none · audit:read",
        "audit.witness.add": "guard · admin · fresh factor",
        "auth.password.change": "none · self",
        "auth.password.reset": "none · system",
        "auth.password.reset.issue": "guard · people:write · fresh factor",
        "auth.recovery_codes.create": "none · self · fresh factor",
        "auth.second_factor.challenge": "none · pending",
        "auth.second_factor.enroll": "none · pending",
        "auth.second_factor.enroll.begin": "none · pending",
        "auth.second_factor.remove": "guard · self · fresh factor",
        "auth.second_factor.reset": "guard · people:write · fresh factor",
        "auth.sign_in": "none · pending",
        "auth.sign_in.refused": "none · pending",
        "auth.sign_out": "none · pending",
        "auth.step_up": "none · self",
        "brake.cancel_all": "none · devices:wipe",
        "device.approve": "reversible · devices:write",
        "device.block": "reversible · devices:write · recent factor",
        "device.block.own": "reversible · self",
        "device.clone_suspected": "reversible · system",
        "device.command.receipt": "none · device",
        "device.destroy_again": "none · system",
        "device.enroll": "none · system",
        "device.enrollment_code.create": "reversible · devices:write · recent factor",
        "device.enrollment_code.create.own": "reversible · self",
        "device.enrollment_code.revoke": "none · devices:write",
        "device.facts": "none · device",
        "device.keys.rotate": "reversible · device",
        "device.leave": "reversible · device",
        "device.refresh_policy": "none · system",
        "device.retire": "reversible · devices:write",
        "device.unblock": "guard · devices:write · fresh factor",
        "device.unlock": "none · device",
        "device.update": "reversible · devices:write",
        "device.wipe": "irreversible · devices:wipe · fresh factor",
        "device.wipe.approve": "guard · devices:wipe · fresh factor",
        "device.wipe.cancel": "none · devices:wipe",
        "device.wipe.cancel.own": "none · self · fresh factor",
        "device.wipe.deliver": "none · device",
        "device.wipe.own": "irreversible · self · fresh factor",
        "device.wipe.release": "guard · devices:wipe · fresh factor",
        "device.wipe.unconfirmed": "none · system",
        "file.delete": "irreversible · content:write · fresh factor",
        "file.delete.approve": "guard · content:write · fresh factor",
        "file.delete.cancel": "none · content:write",
        "file.delete.release": "guard · content:write · fresh factor",
        "file.destroy_again": "none · system",
        "file.forward": "reversible · device",
        "file.inspect": "none · system",
        "file.integrity": "none · system",
        "file.publish": "reversible · content:write",
        "file.release": "none · device",
        "file.release.create": "none · device",
        "file.update": "reversible · content:write",
        "key.reseal": "none · system",
        "key.rewrap": "none · system",
        "key.rotate": "guard · admin · fresh factor",
        "person.accept_invite": "none · system",
        "person.create": "reversible · people:write",
        "person.create.staff": "guard · people:write · fresh factor",
        "person.invite": "reversible · people:write · recent factor",
        "person.resume": "reversible · people:write",
        "person.revoke_invite": "reversible · people:write",
        "person.role": "guard · people:write · fresh factor",
        "person.suspend": "reversible · people:write",
        "person.update": "reversible · people:write",
        "policy.draft": "reversible · policies:write",
        "policy.draft.discard": "reversible · policies:write",
        "policy.publish": "guard · policies:write · fresh factor",
        "policy.publish.tighter": "reversible · policies:write · recent factor",
        "policy.rollback": "guard · policies:write · fresh factor",
        "session.revoke": "none · self",
        "session.revoke.others": "none · self",
        "session.revoke.person": "reversible · people:write",
        "tenant.create": "none · system",
        "tenant.resume": "reversible · system",
        "tenant.suspend": "reversible · system",
        "tenant.update": "guard · admin · fresh factor",
        "tenant.update.ask_reason": "reversible · admin",
        "tenant.update.waive_reason": "guard · admin · fresh factor",
      }
    `)
  })

  it('that is irreversible or a guard asks a person for a fresh factor', () => {
    const loose = commands.filter(
      ({ risk, stepUp }) => (risk === 'irreversible' || risk === 'guard') && stepUp === 'none',
    )
    expect(loose.map(({ name }) => name)).toEqual([])
  })

  it('that an API key may use is no guard', () => {
    const guards = commands.filter(
      ({ risk, permission }) => risk === 'guard' && (permission === 'device' || permission === 'pending'),
    )
    expect(guards.map(({ name }) => name)).toEqual([])
  })
})

const tenantId = '01990000-0000-7000-8000-000000000001'
const request = { tenantId, address: '127.0.0.1' }
const person = (role: (typeof ROLES)[number], sessionState: 'active' | 'second_factor' | 'enroll_factor'): Actor => ({
  ...request,
  kind: 'person',
  personId: tenantId,
  name: role,
  email: `${role}@example.org`,
  role,
  founder: false,
  permissions: new Set(ROLE_PERMISSIONS[role]),
  sessionId: tenantId,
  sessionState,
  factorAt: null,
  userAgent: '',
})

const PERSONAS: Record<string, Actor> = {
  ...Object.fromEntries(ROLES.map((role) => [role, person(role, 'active')])),
  'owner before the second factor': person('owner', 'second_factor'),
  'owner who must enrol a factor': person('owner', 'enroll_factor'),
  'key with every scope': {
    ...request,
    kind: 'api_key',
    apiKeyId: tenantId,
    name: 'key',
    createdBy: null,
    permissions: new Set(PERMISSIONS),
  },
  'key without a scope': {
    ...request,
    kind: 'api_key',
    apiKeyId: tenantId,
    name: 'key',
    createdBy: null,
    permissions: new Set(),
  },
  device: {
    ...request,
    kind: 'device',
    deviceId: tenantId,
    enrollmentId: tenantId,
    deviceName: 'd',
    personId: tenantId,
    personName: 'p',
  },
  system: systemActor(tenantId, 'test'),
}

/** Who may, written down apart from the code that decides it. */
function expected(persona: string, requirement: Requirement): boolean {
  if (persona === 'system') return true
  if (persona === 'device') return requirement === 'device'
  if (persona.startsWith('key'))
    return persona === 'key with every scope' && PERMISSIONS.some((permission) => permission === requirement)
  if (requirement === 'pending') return true
  if (persona.startsWith('owner ')) return false
  if (requirement === 'self') return true
  if (requirement === 'device' || requirement === 'system') return false
  if (persona === 'owner') return true
  if (persona === 'admin') return !['admin', 'audit:unmask', 'audit:write', 'audit:export'].includes(requirement)
  if (persona === 'compliance')
    return requirement.endsWith(':read') || requirement === 'audit:unmask' || requirement === 'audit:export'
  return false
}

describe('the matrix of commands, queries and personas', () => {
  const doors: (Pick<CommandSummary, 'name' | 'permission'> & { kind: string })[] = [
    ...commands.map((command) => ({ ...command, kind: 'command' })),
    ...queries.map((query) => ({ ...query, kind: 'query' })),
  ]
  it('has doors', () => {
    expect(commands.length).toBeGreaterThan(30)
    expect(queries.length).toBeGreaterThan(15)
  })
  for (const [persona, actor] of Object.entries(PERSONAS)) {
    it(`holds for ${persona}`, () => {
      const wrong = doors
        .filter(({ permission }) => isPermitted(actor, permission) !== expected(persona, permission))
        .map(({ kind, name }) => `${kind} ${name}`)
      expect(wrong).toEqual([])
    })
  }
})
