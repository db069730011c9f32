import type { useTranslations } from 'next-intl'
import { isAuditAction } from '#protocol/audit/actions.ts'

type ActionKey = Parameters<ReturnType<typeof useTranslations<'actions'>>>[0]

/** What an action is called in the reader's language; an app's own action keeps its name. `t` is of the area `actions`. */
export function actionWords(t: (key: ActionKey) => string, action: string): string {
  // A test holds that every known action has its words; keys cannot hold dots.
  return isAuditAction(action) ? t(action.replaceAll('.', '-') as ActionKey) : action
}
