import { useTranslations } from 'next-intl'
import { Tag, type Tone } from '#components/ui/tag.tsx'
import type { PersonStatus } from '#server/people/schema.ts'

const TONES: Record<PersonStatus, Tone> = { active: 'ok', invited: 'warn', suspended: 'neutral' }

export function PersonStatusTag({ status }: { status: PersonStatus }) {
  const t = useTranslations('people')
  return <Tag tone={TONES[status]}>{t(`status.${status}`)}</Tag>
}
