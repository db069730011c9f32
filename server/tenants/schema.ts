import { z } from 'zod'
import { brakeSettings } from '#server/kernel/brake-settings.ts'
import { textField } from '#server/kernel/fields.ts'

export const tenantName = textField({ min: 2, max: 80 })

/** The organisation's own settings; every member has a default, so that an old row reads as a whole one. */
export const tenantSettings = z.object({
  brake: brakeSettings.prefault({}),
  /** `askReason`: names in the audit log are shown only for a reason, also to whoever may see them. */
  privacy: z.object({ askReason: z.boolean().default(false) }).prefault({}),
})
export type TenantSettings = z.output<typeof tenantSettings>

export type TenantView = {
  id: string
  name: string
  status: 'active' | 'suspended'
  createdAt: Date
  settings: TenantSettings
}

export const ROTATION_STATES = ['running', 'done', 'blocked'] as const
export type RotationState = (typeof ROTATION_STATES)[number]

/** Sealing everything of an organisation anew under its new data key. */
export type RotationView = {
  id: string
  state: RotationState
  /** Values sealed anew, of those that were under another key when it began. */
  done: number
  total: number
  /** Values that do not open: while there are any, the older keys are kept. */
  damaged: number
  startedBy: string
  startedAt: Date
  finishedAt: Date | null
}

export type KeysView = {
  master: {
    provider: 'file' | 'vault-transit'
    /** Names the key, never its secret. */
    id: string
    /** The environment names another master key than the one in use: `gatehouse keys rotate master` completes the move. */
    isMoving: boolean
  }
  data: { id: string; createdAt: Date /** Older ones that still open something. */; older: number }
  /** The newest one. */
  rotation: RotationView | null
}

export const keyCan = {
  rotate: ({ rotation }: KeysView): true | 'running' => (rotation?.state === 'running' ? 'running' : true),
}
