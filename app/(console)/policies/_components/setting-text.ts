'use client'

import { useTranslations } from 'next-intl'
import type { PolicyValue } from '#protocol/policy/diff.ts'
import { type PolicyPath, shownValue } from './policy-text.ts'

/** “in force: …” where the draft differs from what is in force, else nothing. */
export function useWas() {
  const t = useTranslations('policies')
  return (path: PolicyPath, value: PolicyValue, inForce: PolicyValue): string | undefined => {
    if (JSON.stringify(value) === JSON.stringify(inForce)) return undefined
    const shown = shownValue(path, inForce)
    return t('was', { value: 'word' in shown ? t(`value.${shown.word}`) : shown.text })
  }
}
