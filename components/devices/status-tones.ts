import type { Tone } from '#components/ui/tag.tsx'

/** The colour of a device's state, beside the word that says it. */
export const DEVICE_TONES = {
  pending: 'warn',
  active: 'ok',
  blocked: 'danger',
  wiping: 'danger',
  wiped: 'neutral',
  retired: 'neutral',
} as const satisfies Record<string, Tone>
