import { useTranslations } from 'next-intl'
import type { WipeStep } from '#server/devices/schema.ts'

/** Who brought an erase to a state; our own processes are the server, whatever they call themselves. */
export function StepBy({ by }: { by: WipeStep['by'] }) {
  const t = useTranslations('wipe')
  return by.kind === 'system' ? t('byServer') : by.name
}
