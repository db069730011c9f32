import { z } from 'zod'
import { id, time } from './fields.ts'
import { DEVICE_STATUSES } from './messages.ts'

// What the person who holds a device may learn through it: whose it is, who can do what, what was recorded.

const ownDeviceSchema = z.object({
  id,
  name: z.string(),
  platform: z.string(),
  osVersion: z.string(),
  channel: z.string(),
  status: z.enum(DEVICE_STATUSES),
  statusReason: z.string(),
  lastSeenAt: time,
  enrolledAt: time,
})

export type OwnDevice = z.infer<typeof ownDeviceSchema>

/** 200 to `GET person`. `powers` counts the people of the organisation who hold a permission now. */
export const personResponseSchema = z.object({
  person: z.object({ name: z.string(), email: z.string() }),
  organisation: z.object({ name: z.string() }),
  deviceId: id,
  devices: z.array(ownDeviceSchema),
  powers: z.record(z.string(), z.int().min(0)),
  /** Whether web push is set up on the server, and its public key (VAPID, base64url). */
  push: z.object({ key: z.string() }).nullable(),
})

export type PersonResponse = z.infer<typeof personResponseSchema>

const recordSchema = z.object({
  id,
  at: time,
  action: z.string(),
  outcome: z.string(),
  /** Who acted, and what they are: a person, a device, a key, or a part of the product by its own word (`brake`). */
  by: z.string().nullable(),
  byKind: z.string(),
  device: z.string().nullable(),
  target: z.string().nullable(),
  /** Who states it: `server`, `device`, `app:NAME`, `import:NAME`. */
  source: z.string(),
  enforcement: z.string().nullable(),
  reason: z.string().nullable(),
})

export type OwnRecord = z.infer<typeof recordSchema>

/** 200 to `GET records`: what the audit log holds about the person, newest first. */
export const recordsResponseSchema = z.object({ items: z.array(recordSchema), nextCursor: z.string().nullable() })

export type RecordsResponse = z.infer<typeof recordsResponseSchema>

/** `POST push`: where the browser wants to be woken (W3C Push API), or null for nowhere any more. */
export const pushRequestSchema = z.strictObject({
  subscription: z
    .strictObject({
      endpoint: z.url().max(1_000),
      keys: z.strictObject({ p256dh: z.string().max(200), auth: z.string().max(100) }),
    })
    .nullable(),
})

export type PushRequest = z.infer<typeof pushRequestSchema>
