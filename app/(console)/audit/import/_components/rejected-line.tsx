import { useTranslations } from 'next-intl'
import { escapeForDisplay } from '#lib/text.ts'
import type { RejectedLine } from '#server/audit/schema.ts'
import { saidWords } from '../_said-words.ts'

/** Why a line was not taken, in the reader's language. */
export function WhyRejected({ of: { code, detail } }: { of: Omit<RejectedLine, 'line'> }) {
  const [t, words] = [useTranslations('imports'), useTranslations('imports.said')]
  const known = `why.${code}` as 'why.invalid'
  const said = saidWords(words, detail)
  return (
    <>
      <span title={code}>{t.has(known) ? t(known) : code}</span>{' '}
      <span lang={said === null ? 'en' : undefined} className="text-ink-2">
        {escapeForDisplay(said ?? detail)}
      </span>
    </>
  )
}
