import { useTranslations } from 'next-intl'
import { Tag, type Tone } from '../ui/tag.tsx'

export type Outcome = 'allowed' | 'denied' | 'pending' | 'failed'
export type Enforcement = 'prevented' | 'obscured' | 'detected' | 'none'

const outcomeTones: Record<Outcome, Tone> = { allowed: 'ok', denied: 'danger', pending: 'warn', failed: 'danger' }
const enforcementTones: Record<Exclude<Enforcement, 'none'>, Tone> = {
  prevented: 'danger',
  obscured: 'violet',
  detected: 'warn',
}

type Props = {
  outcome: Outcome
  enforcement?: Enforcement | null
  /** All that is true of it, where the one word could pass for more: “noticed; it was probably taken”. */
  words?: string | null
}

/** What came of it. What a device did about it says more than allowed or denied, so it goes first. */
export function ResultBadge({ outcome, enforcement, words = null }: Props) {
  const t = useTranslations('common')
  if (enforcement && enforcement !== 'none')
    return (
      <Tag
        tone={enforcementTones[enforcement]}
        title={words ?? t(`enforcementWords.${enforcement}`)}
        {...(words !== null && { className: 'max-w-44 whitespace-normal' })}
      >
        {words ?? t(`enforcement.${enforcement}`)}
      </Tag>
    )
  return <Tag tone={outcomeTones[outcome]}>{t(`outcome.${outcome}`)}</Tag>
}
