import { useTranslations } from 'next-intl'
import { useMemo } from 'react'
import { SYSTEM_ACTORS, systemWords } from '#components/audit/system-actors.ts'
import { ACTOR_KINDS, AUDIT_ACTIONS, ENFORCEMENTS, OUTCOMES } from '#protocol/audit/actions.ts'
import type { QueryField } from '#protocol/audit/query.ts'
import { actionWords } from '../_action-words.ts'
import type { Choice } from '../_completion.ts'

const NOUNS = [...new Set(AUDIT_ACTIONS.map((action) => action.slice(0, action.lastIndexOf('.'))))].sort()

/** What fields and the values that never change are called in the reader's language. */
export function useQueryWords() {
  const [t, actions, common] = [useTranslations('audit'), useTranslations('actions'), useTranslations('common')]
  const names = useTranslations('names')
  return useMemo(() => {
    const values: Partial<Record<QueryField, readonly Choice[]>> = {
      action: [
        ...AUDIT_ACTIONS.map((value) => ({ value, name: actionWords(actions, value) })),
        ...NOUNS.map((noun) => ({ value: `${noun}.*`, name: t('query.allOf', { noun }) })),
      ],
      outcome: OUTCOMES.map((value) => ({ value, name: common(`outcome.${value}`) })),
      enforcement: ENFORCEMENTS.map((value) => ({ value, name: common(`enforcement.${value}`) })),
      actor: [
        ...ACTOR_KINDS.map((value) => ({ value, name: t(`kind.${value}`) })),
        ...SYSTEM_ACTORS.map((value) => ({ value, name: systemWords(names, value) ?? value })),
      ],
      source: (['server', 'device', 'app', 'import'] as const).map((value) => ({
        value,
        name: t(`known.${value}`, { source: '' }).trim(),
      })),
    }
    return { fieldName: (field: QueryField | 'text') => t(`field.${field}`), values }
  }, [t, actions, common, names])
}
