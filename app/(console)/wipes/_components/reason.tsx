import { useTranslations } from 'next-intl'
import { WIPE_REASONS } from '#server/devices/schema.ts'

/** A reason of the list in the reader's language; any other as it was written. */
export function Reason({ reason }: { reason: string }) {
  const t = useTranslations('wipe')
  const known = WIPE_REASONS.find((key) => key === reason)
  return known ? t(`reason.${known}`) : reason
}
