import { useTranslations } from 'next-intl'
import { Tag, type Tone } from '#components/ui/tag.tsx'
import type { WipeState } from '#server/devices/schema.ts'

const TONES: Record<WipeState, Tone> = {
  held: 'warn',
  awaiting_approval: 'warn',
  delayed: 'warn',
  queued: 'warn',
  delivered: 'warn',
  unconfirmed: 'danger',
  erased: 'ok',
  failed: 'danger',
  cancelled: 'neutral',
  superseded: 'neutral',
  expired: 'neutral',
}

export function WipeStateTag({ state }: { state: WipeState }) {
  const t = useTranslations('wipe')
  return <Tag tone={TONES[state]}>{t(`state.${state}`)}</Tag>
}
