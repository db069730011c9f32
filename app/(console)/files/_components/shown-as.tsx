import { useTranslations } from 'next-intl'
import type { RenditionView } from '#server/content/queries.ts'

/** Whether a browser may show it, and as what; or why it does not. */
export function ShownAs({ rendition: { state, kind, reason, pages } }: { rendition: RenditionView }) {
  const t = useTranslations('files.shown')
  if (state === 'pending') return t('pending')
  if (state === 'refused') return t('refused', { why: reason ? t(`why.${reason}`) : '' })
  return t(kind, { count: pages ?? 0 })
}
