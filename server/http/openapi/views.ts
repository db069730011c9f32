import { z } from 'zod'
import { capabilitiesSchema } from '#protocol/device/messages.ts'
import { policyDocumentSchema } from '#protocol/policy/document.ts'
import type { FileDetail, FileView } from '#server/content/schema.ts'
import { FILE_STATUSES } from '#server/content/schema.ts'
import {
  DEVICE_STATUSES,
  type DeviceView,
  type EnrollmentCodeView,
  PLATFORMS,
  WIPE_SCOPES,
  WIPE_STATES,
  type WipeLine,
  type WipeView,
} from '#server/devices/schema.ts'
import { type InvitationView, PERSON_STATUSES, type PersonView, ROLES } from '#server/people/schema.ts'
import type { PolicyForecast, PolicyVersionDetail, PolicyVersionView, PolicyView } from '#server/policies/schema.ts'
import type { Sent } from './operation.ts'

// Each is checked against the view it describes: a member that a view gains and this file lacks does not compile.
type Describes<T> = z.ZodType<Sent<T>>

const id = z.uuid().meta({ description: 'UUIDv7' })
const time = z.iso.datetime({ precision: 3 }).meta({ description: 'RFC 3339, UTC, with milliseconds' })
const named = z.object({ id, name: z.string() })
const someone = z.object({ kind: z.string(), id: z.string(), name: z.string() })
const count = z.int().min(0)
const total = z.object({ value: count, capped: z.boolean() })

/** A page of a list. */
export function pageOf(item: z.ZodType, more: z.ZodRawShape = {}) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable(), ...more })
}

export const withTotal = { total }

export const deviceView: Describes<DeviceView> = z
  .object({
    id,
    name: z.string(),
    platform: z.enum(PLATFORMS),
    osVersion: z.string(),
    appVersion: z.string(),
    model: z.string(),
    serial: z.string(),
    status: z.enum(DEVICE_STATUSES),
    statusReason: z.string(),
    statusAt: time,
    person: z.object({ id, name: z.string(), email: z.string() }),
    lastSeenAt: time,
    online: z.boolean(),
    reach: z.enum(['open', 'push', 'next_open']),
    tls: z.object({ protocol: z.string(), cipher: z.string(), group: z.string().optional() }).nullable(),
    policyVersion: count.meta({ description: 'The newest version it was handed; 0: none yet' }),
    keyThumbprint: z.string().meta({ description: 'RFC 7638, of the signing key' }),
    channel: z.string().meta({ description: '`agent`, `browser` or `import:NAME`' }),
    ownership: z.enum(['company', 'personal']),
    capabilities: capabilitiesSchema,
    offlineUntil: time
      .nullable()
      .meta({ description: 'Until when it could stay unlocked without a connection; null: it was never unlocked' }),
    enrolledAt: time,
    vault: z.enum(['ready', 'withheld', 'destroyed']),
    missingEvents: count.meta({ description: 'Events it numbered that never arrived' }),
    problem: z.object({ code: z.string(), detail: z.string() }).nullable(),
    openWipeId: id.nullable(),
  })
  .meta({ id: 'Device' })

export const enrollmentCode: Describes<Omit<EnrollmentCodeView, 'person'>> = z
  .object({ id, code: z.string().meta({ description: 'Shown once' }), expiresAt: time })
  .meta({ id: 'EnrollmentCode' })

const wipeReceipt = z.object({
  result: z.string(),
  files: count,
  bytes: count,
  at: time,
  scope: z.string().nullable(),
  code: z.string().nullable(),
  thumbprint: z.string(),
  verified: z.boolean(),
  jws: z.string(),
})

const wipeScope = z.enum(WIPE_SCOPES)
const wipeState = z.enum(WIPE_STATES)

export const wipeView: Describes<WipeView> = z
  .object({
    id,
    deviceId: id,
    deviceName: z.string(),
    personName: z.string(),
    scope: wipeScope,
    reason: z.string(),
    state: wipeState,
    requestedBy: someone,
    approvals: z.array(
      z.object({
        by: z.object({ id: id.nullable(), name: z.string() }),
        at: time,
        decision: z.enum(['approve', 'release']),
      }),
    ),
    timeline: z.array(z.object({ state: wipeState, at: time, by: z.object({ kind: z.string(), name: z.string() }) })),
    undoUntil: time.nullable(),
    shareDestroyedAt: time.nullable(),
    offlineUntil: time.nullable(),
    createdAt: time,
    receipt: wipeReceipt.optional(),
  })
  .meta({ id: 'Wipe' })

export const wipeLine: Describes<WipeLine> = z
  .object({
    id,
    deviceId: id,
    deviceName: z.string(),
    personName: z.string(),
    scope: wipeScope,
    reason: z.string(),
    state: wipeState,
    requestedBy: someone,
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'WipeLine' })

const personMembers = {
  id,
  email: z.string(),
  name: z.string(),
  role: z.enum(ROLES),
  status: z.enum(PERSON_STATUSES),
  founder: z.boolean(),
  createdAt: time,
  suspendedAt: time.nullable(),
}

export const personView: Describes<PersonView> = z.object(personMembers).meta({ id: 'Person' })

export const personDetail: Describes<PersonView & { invitation: InvitationView | null }> = z
  .object({ ...personMembers, invitation: z.object({ id, createdAt: time, expiresAt: time }).nullable() })
  .meta({ id: 'PersonDetail' })

const fileMembers = {
  id,
  name: z.string(),
  mediaType: z.string(),
  sizeBytes: count,
  labels: z.array(z.string()),
  status: z.enum(FILE_STATUSES),
  audience: z.object({ everyone: z.boolean(), people: count }),
  publishedBy: named.nullable(),
  publishedAt: time,
  deletedAt: time.nullable(),
  contentId: id,
  rootId: id,
  derivedFrom: id.nullable(),
  damagedAt: time.nullable(),
}

export const fileView: Describes<FileView> = z.object(fileMembers).meta({ id: 'File' })

export const fileDetail: Describes<FileDetail> = z
  .object({
    ...fileMembers,
    sha256: z.string(),
    people: z.array(z.object({ id, name: z.string(), email: z.string() })),
    holders: z.array(
      z.object({
        device: z.object({ id, name: z.string(), status: z.string() }),
        person: named,
        firstAt: time,
        lastAt: time,
        times: count,
      }),
    ),
    holderCount: count,
    deletion: z
      .object({
        requestId: id,
        state: z.string(),
        reason: z.string(),
        requestedBy: z.string(),
        notBefore: time.nullable(),
      })
      .nullable(),
  })
  .meta({ id: 'FileDetail' })

export const fileDeletion = z.object({
  requestId: id,
  state: z.string(),
  notBefore: time.nullable(),
  file: fileView,
})

const policyValue = z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(z.string())]).optional()
const policyChange = z
  .object({
    path: z.string(),
    before: policyValue,
    after: policyValue,
    direction: z.enum(['tighter', 'looser', 'neutral']),
  })
  .meta({ id: 'PolicyChange' })

const version = z.int().min(0)

export const policyView: Describes<PolicyView> = z
  .object({
    id,
    name: z.string(),
    scope: z.literal('organisation'),
    version,
    document: policyDocumentSchema,
    publishedAt: time,
    publishedBy: named.nullable(),
    draft: z
      .object({
        document: policyDocumentSchema,
        base: version,
        stale: z.boolean(),
        digest: z.string(),
        savedBy: named.nullable(),
        savedAt: time,
        changes: z.array(policyChange),
        loosens: z.boolean(),
      })
      .nullable(),
  })
  .meta({ id: 'Policy' })

const versionMembers = {
  version,
  note: z.string(),
  restoredFrom: version.nullable(),
  publishedAt: time,
  publishedBy: named.nullable(),
}

export const policyVersion: Describes<PolicyVersionView> = z
  .object({ ...versionMembers, devices: z.object({ have: count, active: count }) })
  .meta({ id: 'PolicyVersion' })

export const policyVersionDetail: Describes<PolicyVersionDetail> = z
  .object({ ...versionMembers, policyId: id, document: policyDocumentSchema, changes: z.array(policyChange) })
  .meta({ id: 'PolicyVersionDetail' })

const affected = { id, name: z.string(), email: z.string() }

export const policyForecast: Describes<PolicyForecast> = z
  .object({
    changes: z.array(policyChange),
    loosens: z.boolean(),
    people: z.object({
      active: count,
      withoutFactor: z.object({ count, items: z.array(z.object(affected)) }),
      factorDeadline: time.nullable(),
      aboveDeviceCap: z.object({ count, items: z.array(z.object({ ...affected, devices: count })) }),
    }),
    devices: z.object({
      active: count,
      connected: count,
      belowMinimum: z.object({
        count,
        items: z.array(z.object({ id, name: z.string(), platform: z.string(), appVersion: z.string() })),
      }),
      browsers: z.object({ enrolled: count, newOnes: z.enum(['allow', 'block']) }),
    }),
    lockout: z.array(z.enum(['acting_owner', 'owners'])),
  })
  .meta({ id: 'PolicyForecast' })

export const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.string(),
    detail: z.string(),
    requestId: id,
    errors: z.array(z.object({ field: z.string(), detail: z.string() })).optional(),
  })
  .meta({ id: 'Problem' })
