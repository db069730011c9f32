import type { useTranslations } from 'next-intl'
import { visibleText } from '#components/audit/visible-text.ts'
import type { DescribedQuery } from '#protocol/audit/query-describe.ts'
import { actionWords } from './_action-words.ts'

type Condition = Extract<DescribedQuery, { kind: 'condition' }>
/** The messages of three areas, of whichever component. */
export type MeaningWords = {
  audit: ReturnType<typeof useTranslations<'audit'>>
  actions: ReturnType<typeof useTranslations<'actions'>>
  common: ReturnType<typeof useTranslations<'common'>>
}

/** The query as a sentence of the reader's language. */
export function meaningText(words: MeaningWords, query: DescribedQuery, isNested = false): string {
  const t = words.audit
  if (query.kind === 'all') return t('meaning.all')
  if (query.kind === 'condition') return conditionText(words, query)
  const text = query.items.map((item) => meaningText(words, item, true)).join(t(`meaning.${query.kind}`))
  if (query.negated) return t('meaning.not', { text })
  return isNested ? t('meaning.group', { text }) : text
}

function conditionText(words: MeaningWords, condition: Condition): string {
  const { field, relation, negated, label } = condition
  const t = words.audit
  const shown = visibleText(label ?? valueText(words, condition))
  return t(`meaning.${relation}${negated ? 'Not' : ''}`, { field: t(`field.${field}`), value: `“${shown}”` })
}

function valueText(words: MeaningWords, { field, relation, value }: Condition): string {
  const { audit, actions, common } = words
  if (field === 'action') return actionWords(actions, value.replace(/\.$/, ''))
  if (field === 'outcome') return common(`outcome.${value as 'allowed'}`)
  if (field === 'enforcement') return common(`enforcement.${value as 'none'}`)
  if (relation === 'isKind') return audit(`kind.${value.toLowerCase() as 'person'}`)
  if (field === 'source' && (value === 'server' || value === 'device')) return audit(`known.${value}`, { source: '' })
  return value
}
