import { getTranslations } from 'next-intl/server'
import type { ReactNode } from 'react'
import type { DescribedQuery } from '#protocol/audit/query-describe.ts'
import { meaningText } from '../_meaning-text.ts'

/** The query as a sentence of the reader's language; `children` goes on after it. */
export async function Meaning({ described, children }: { described: DescribedQuery; children?: ReactNode }) {
  const audit = await getTranslations('audit')
  const words = { audit, actions: await getTranslations('actions'), common: await getTranslations('common') }
  return (
    <p className="min-w-0 flex-1 basis-80 break-words text-ink-2">
      <span className="sr-only">{audit('meaning.label')}: </span>
      {meaningText(words, described)} {children}
    </p>
  )
}
