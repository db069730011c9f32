import { useTranslations } from 'next-intl'
import { visibleText } from '#components/audit/visible-text.ts'
import type { SavedView } from '#server/audit/schema.ts'

/** What a view is called; where its name could say who somebody is, by what it asks, and by nothing where that says it, too. */
export function useViewName(): (view: SavedView) => string {
  const t = useTranslations('audit')
  return ({ name, search }) => name ?? (search ? visibleText(search.q) : t('views.hidden'))
}
