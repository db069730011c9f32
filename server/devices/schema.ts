import { z } from 'zod'
import { parseRfc3339 } from '#lib/time.ts'
import { WIPE_SCOPES } from '#protocol/device/commands.ts'
import { DEVICE_STATUSES, type DeviceCapabilities } from '#protocol/device/messages.ts'
import { PLATFORMS, type Platform } from '#protocol/policy/platforms.ts'
import { emailField, pageFields, textField, uuidField } from '#server/kernel/fields.ts'

export { DEVICE_STATUSES, PLATFORMS, WIPE_SCOPES }
export type DeviceStatus = (typeof DEVICE_STATUSES)[number]

/** What a device's stream listens to: `files:PERSON`, or `files:everyone` for all of an organisation. */
export const FILES_TOPIC = 'files:'

/** A change names at most so many people; more is told to everyone, whose devices then find nothing new. */
const FILES_PEOPLE = 100

/** Topics by which the open devices of an audience learn that their files have changed. */
export function filesTopics({ everyone, people }: { everyone: boolean; people: readonly { id: string }[] }): string[] {
  if (everyone || people.length > FILES_PEOPLE) return [`${FILES_TOPIC}everyone`]
  return people.map(({ id }) => `${FILES_TOPIC}${id}`)
}

export const WIPE_STATES = [
  'held',
  'awaiting_approval',
  'delayed',
  'queued',
  'delivered',
  'unconfirmed',
  'erased',
  'failed',
  'cancelled',
  'superseded',
  'expired',
] as const
export type WipeState = (typeof WIPE_STATES)[number]
/** Still in the hands of the brake: can be taken back, nothing is destroyed. */
export const STOPPABLE_WIPE_STATES: readonly WipeState[] = ['held', 'awaiting_approval', 'delayed']
/** Not yet at its end; one of a device at a time. */
export const OPEN_WIPE_STATES: readonly WipeState[] = [...STOPPABLE_WIPE_STATES, 'queued', 'delivered', 'unconfirmed']

/** Why a device is lost, in the order a person looks for it; the form offers these, the API takes any text. */
export const WIPE_REASONS = ['lost', 'stolen', 'left', 'compromised', 'replaced', 'other'] as const

/** `ready`: handed out on unlock; `withheld`: kept back by a block or a missing approval; `destroyed`: gone for ever. */
export type VaultState = 'ready' | 'withheld' | 'destroyed'

/** Why a device is let in but not served. `detail` is written for the person who holds it. */
export type ServiceProblem = { code: string; detail: string }

export type DeviceView = {
  id: string
  name: string
  platform: Platform
  osVersion: string
  appVersion: string
  model: string
  serial: string
  status: DeviceStatus
  statusReason: string
  statusAt: string
  person: { id: string; name: string; email: string }
  /** RFC 3339. */
  lastSeenAt: string
  online: boolean
  /** How an order reaches it: its stream is open, its browser can be woken by push, or only when it is next opened. */
  reach: 'open' | 'push' | 'next_open'
  tls: { protocol: string; cipher: string; group?: string } | null
  /** The newest policy version that was handed to it; 0: none yet. */
  policyVersion: number
  keyThumbprint: string
  /** `agent`, `browser` or `import:NAME`. */
  channel: string
  ownership: 'company' | 'personal'
  capabilities: DeviceCapabilities
  /** Until when it could stay unlocked without a connection; null: it was never unlocked. */
  offlineUntil: string | null
  enrolledAt: string
  vault: VaultState
  /** Events it numbered that never arrived. */
  missingEvents: number
  problem: ServiceProblem | null
  openWipeId: string | null
}

export type DeviceState = Pick<DeviceView, 'status' | 'channel' | 'vault' | 'openWipeId'>

/** Why an action is not possible now; a key of the messages `devices.cannot`. */
export type CannotReason =
  | 'not_pending'
  | 'not_blocked'
  | 'already_blocked'
  | 'already_wiped'
  | 'already_retired'
  | 'wipe_open'
  | 'share_destroyed'
  | 'not_managed'

type Verdict = true | CannotReason

/** Whether an action fits the device's present state; the server's check and the button's disabled reason alike. */
export const deviceCan = {
  approve: ({ status }: DeviceState): Verdict => status === 'pending' || 'not_pending',
  block({ status, openWipeId }: DeviceState): Verdict {
    if (status === 'pending' || status === 'active') return true
    if (status === 'wiping' || openWipeId) return 'wipe_open'
    if (status === 'wiped') return 'already_wiped'
    return status === 'retired' ? 'already_retired' : 'already_blocked'
  },
  unblock({ status, vault, openWipeId }: DeviceState): Verdict {
    if (openWipeId) return 'wipe_open'
    if (status !== 'blocked') return 'not_blocked'
    return vault === 'destroyed' ? 'share_destroyed' : true
  },
  wipe({ status, channel, openWipeId }: DeviceState): Verdict {
    if (status === 'wiping' || openWipeId) return 'wipe_open'
    if (status === 'wiped') return 'already_wiped'
    return channel.startsWith('import:') ? 'not_managed' : true
  },
  retire({ status, openWipeId }: DeviceState): Verdict {
    if (status === 'wiping' || openWipeId) return 'wipe_open'
    if (status === 'wiped') return 'already_wiped'
    return status === 'retired' ? 'already_retired' : true
  },
}

export type WipeStep = { state: WipeState; at: string; by: { kind: string; name: string } }

export type WipeReceiptView = {
  /** `erased` or `failed`, as the device signed it. */
  result: string
  files: number
  bytes: number
  at: string
  scope: string | null
  code: string | null
  thumbprint: string
  /** Checked now, against the key on record. */
  verified: boolean
  jws: string
}

export type WipeView = {
  id: string
  deviceId: string
  deviceName: string
  personName: string
  scope: (typeof WIPE_SCOPES)[number]
  reason: string
  state: WipeState
  requestedBy: { kind: string; id: string; name: string }
  approvals: { by: { id: string | null; name: string }; at: string; decision: 'approve' | 'release' }[]
  timeline: WipeStep[]
  /** End of the undo window, while it runs. */
  undoUntil: string | null
  shareDestroyedAt: string | null
  /** Until when the device could have stayed unlocked without a connection; null: it held no share. */
  offlineUntil: string | null
  createdAt: string
  receipt?: WipeReceiptView
}

export type WipeLine = Pick<
  WipeView,
  'id' | 'deviceId' | 'deviceName' | 'personName' | 'scope' | 'reason' | 'state' | 'requestedBy' | 'createdAt'
> & { updatedAt: string }

/** Orders of the list; `-` is descending. */
export const DEVICE_SORTS = ['-lastSeen', 'lastSeen', 'name', '-name', '-enrolled', 'enrolled'] as const

/** A device in service that has not been seen for so many days is silent. */
export const SILENT_DAYS = 7

/** Recorded so much later than it occurred, an event is late: its device was offline, or held it back. */
export const LATE_MS = 3_600_000
/** The list calls a device late, or its clock suspect, for so many days after the last such event. */
export const LATE_DAYS = 30

/** Filters of the device list by what is lacking in what they reported. */
export const COMPLETENESS = ['missing', 'silent', 'late', 'clock'] as const
export type CompletenessFilter = (typeof COMPLETENESS)[number]

/** Numbers of events, both ends included. */
export type NumberRange = { from: number; to: number }

/** What is known to be lacking in what a device reported. */
export type DeviceCompleteness = {
  /** Numbers between 1 and the highest received that never came, of the present enrolment. */
  missing: NumberRange[]
  /** The same of enrolments that ended: these will not come any more. */
  missingBefore: (NumberRange & { endedAt: string | null })[]
  /** Gaps below this number are no longer waited for (there were too many) and not among `missing`; 0: none. */
  givenUpThrough: number
  /** What it did after this and has not sent, nobody knows. */
  lastContactAt: string
  /** Its last contact, when it is in service and that was more than `SILENT_DAYS` ago. */
  silentSince: string | null
  /** Events recorded more than `LATE_MS` after they occurred: how many, when the last one came, the longest delay. */
  late: { events: number; at: string; longestMs: number } | null
  /** Events whose time cannot be right, and when the last one came. */
  clockSuspect: { events: number; at: string } | null
}

export const deviceListInput = z.strictObject({
  q: textField({ min: 0, max: 100 }).optional(),
  status: z.enum(DEVICE_STATUSES).optional(),
  platform: z.enum(PLATFORMS).optional(),
  person: uuidField().optional(),
  appVersion: textField({ max: 40 }).optional(),
  /** The newest policy version that was handed to it. */
  policyVersion: z.coerce.number().int().min(0).max(2_147_483_647).optional(),
  /** Only those whose numbered events have gaps. */
  missing: z.union([z.boolean(), z.stringbool()]).optional(),
  /** Only those in whose reports something is lacking. */
  completeness: z.enum(COMPLETENESS, `must be one of ${COMPLETENESS.join(', ')}`).optional(),
  /** Only those last seen before this time. */
  silentSince: z.iso
    .datetime()
    .refine((text) => parseRfc3339(text) !== null, 'is not a time like 2026-11-23T09:41:07.318Z')
    .optional(),
  sort: z.enum(DEVICE_SORTS).default('-lastSeen'),
  ...pageFields,
})
export type DeviceListInput = z.input<typeof deviceListInput>

export const wipeListInput = z.strictObject({
  state: z.enum([...WIPE_STATES, 'open']).optional(),
  device: uuidField().optional(),
  ...pageFields,
})

export const deviceIdInput = z.strictObject({ deviceId: uuidField() })
export const reasonField = textField({ max: 200 })

export const enrollmentCodeInput = z
  .strictObject({
    personId: uuidField().optional(),
    personEmail: emailField().optional(),
    expiresInSeconds: z
      .number()
      .int()
      .min(60)
      .max(30 * 86_400)
      .default(3_600),
  })
  .refine(({ personId, personEmail }) => (personId === undefined) !== (personEmail === undefined), {
    path: ['personId'],
    message: 'give either personId or personEmail',
  })

export type EnrollmentCodeView = { id: string; code: string; expiresAt: string; person: { id: string; name: string } }

export const blockInput = z.strictObject({ deviceId: uuidField(), reason: reasonField.default('Blocked by an admin') })

export const updateDeviceInput = z
  .strictObject({
    deviceId: uuidField(),
    name: textField({ max: 100 }).optional(),
    ownership: z.enum(['company', 'personal']).optional(),
  })
  .refine(({ name, ownership }) => name !== undefined || ownership !== undefined, {
    path: ['name'],
    message: 'give a name or an ownership',
  })

export const wipeInput = z.strictObject({ deviceId: uuidField(), scope: z.enum(WIPE_SCOPES), reason: reasonField })
