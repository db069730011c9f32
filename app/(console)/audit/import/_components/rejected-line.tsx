import { useTranslations } from 'next-intl'
import { escapeForDisplay } from '#lib/text.ts'
import type { RejectedLine } from '#server/audit/schema.ts'

/** Why a line was not taken: in the reader's language, then what the import itself says of it. */
export function WhyRejected({ of: { code, detail } }: { of: Omit<RejectedLine, 'line'> }) {
  const t = useTranslations('imports')
  const known = `why.${code}` as 'why.invalid'
  return (
    <>
      <span title={code}>{t.has(known) ? t(known) : code}</span>{' '}
      <span lang="en" className="text-ink-2">
        {escapeForDisplay(detail)}
      </span>
    </>
  )
}
