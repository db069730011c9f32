import { getTranslations } from 'next-intl/server'
import type { ReactNode } from 'react'
import type { DescribedQuery } from '#protocol/audit/query-describe.ts'
import { actionWords } from '../_action-words.ts'

type Condition = Extract<DescribedQuery, { kind: 'condition' }>

/** The query as a sentence of the reader's language; `children` goes on after it. */
export async function Meaning({ described, children }: { described: DescribedQuery; children?: ReactNode }) {
  const t = await getTranslations('audit')
  const actions = await getTranslations('actions')
  const common = await getTranslations('common')

  function tell(query: DescribedQuery, nested: boolean): string {
    if (query.kind === 'all') return t('meaning.all')
    if (query.kind === 'condition') return tellCondition(query)
    const text = query.items.map((item) => tell(item, true)).join(t(`meaning.${query.kind}`))
    if (query.negated) return t('meaning.not', { text })
    return nested ? t('meaning.group', { text }) : text
  }

  function tellCondition({ field, relation, negated, value, label }: Condition): string {
    const words = label === undefined ? valueWords(field, value) : label
    return t(`meaning.${relation}${negated ? 'Not' : ''}`, { field: t(`field.${field}`), value: `“${words}”` })
  }

  function valueWords(field: Condition['field'], value: string): string {
    if (field === 'action') return actionWords(actions, value.replace(/\.$/, ''))
    if (field === 'outcome') return common(`outcome.${value as 'allowed'}`)
    if (field === 'enforcement') return common(`enforcement.${value as 'none'}`)
    return value
  }

  return (
    <p className="min-w-0 flex-1 basis-80 break-words text-ink-2">
      <span className="sr-only">{t('meaning.label')}: </span>
      {tell(described, false)} {children}
    </p>
  )
}
