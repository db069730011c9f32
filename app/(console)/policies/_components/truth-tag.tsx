import { useTranslations } from 'next-intl'
import { Tag, type Tone } from '#components/ui/tag.tsx'
import type { PlatformFact, Truth } from '#protocol/policy/platforms.ts'

export const TRUTH_TONES: Record<Truth, Tone> = {
  prevented: 'ok',
  obscured: 'violet',
  detected: 'warn',
  unseen: 'neutral',
}

/** What can be relied on, and from which version of the platform. */
export function TruthTag({ fact: { truth, minOsVersion } }: { fact: PlatformFact }) {
  const t = useTranslations('policies.truth')
  const since = truth === 'prevented' && minOsVersion
  return (
    <Tag tone={TRUTH_TONES[truth]} className="max-w-full whitespace-normal">
      {t(truth)}
      {since && ` ≥ ${minOsVersion}`}
    </Tag>
  )
}
