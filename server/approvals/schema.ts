import { z } from 'zod'
import { pageFields, uuidField } from '#server/kernel/fields.ts'
import type { Permission } from '#server/kernel/permissions.ts'

export const OPEN_STATES = ['held', 'awaiting_approval', 'delayed'] as const
export type OpenState = (typeof OPEN_STATES)[number]

/** The commands whose requests a person decides here, and the permission that takes. */
export const DECIDABLE = {
  'device.wipe': 'devices:wipe',
  'file.delete': 'content:write',
  'audit.retention.shorten': 'admin',
  'audit.hold.release': 'admin',
  'audit.erase': 'admin',
} as const satisfies Record<string, Permission>
export type DecidableCommand = keyof typeof DECIDABLE

export const requestIdInput = z.strictObject({ requestId: uuidField() })
export const requestListInput = z.strictObject({ state: z.enum(OPEN_STATES).optional(), ...pageFields })

/** Something irreversible that somebody asked for and nobody has carried out. */
export type RequestView = {
  id: string
  /** The command it will run. */
  command: DecidableCommand
  state: OpenState
  /** `name` as it is called now. */
  target: { type: string; id: string; name: string }
  units: number
  reason: string
  requestedBy: { kind: string; id: string; name: string }
  createdAt: string
  /** End of the undo window, while it is `delayed`. */
  notBefore: string | null
  /** When it is void if nobody decides. */
  expiresAt: string
  /** The viewer asked for it, or made the key that asked: somebody else must decide. */
  own: boolean
}

/** Why a decision is not possible now; a key of the messages `approvals.cannot`. */
export type CannotDecide = 'not_waiting' | 'not_held' | 'own_request'

/** Whether a decision fits the request's present state, for the server's check and the button's reason alike. */
export const requestCan = {
  approve: ({ state, own }: Pick<RequestView, 'state' | 'own'>): true | CannotDecide =>
    state !== 'awaiting_approval' ? 'not_waiting' : own ? 'own_request' : true,
  release: ({ state }: Pick<RequestView, 'state'>): true | CannotDecide => state === 'held' || 'not_held',
}
