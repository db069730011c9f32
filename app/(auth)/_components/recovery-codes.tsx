'use client'

import { useTranslations } from 'next-intl'
import type { ReactNode } from 'react'
import { CopyButton } from '#components/ui/copy-button.tsx'
import { Notice } from '#components/ui/notice.tsx'

/** Ten codes, shown this once. */
export function RecoveryCodes({ codes, children }: { codes: readonly string[]; children: ReactNode }) {
  const t = useTranslations('auth')
  return (
    <section aria-label={t('codes.title')}>
      <Notice tone="warn" announce>
        {t('codes.once')}
      </Notice>
      <ul
        aria-label={t('codes.title')}
        className="my-3 grid grid-cols-2 gap-x-4 gap-y-1 rounded-control border border-line bg-sunken px-3 py-2 font-mono max-sm:text-mono"
      >
        {codes.map((code) => (
          <li key={code}>{code}</li>
        ))}
      </ul>
      <div className="flex flex-wrap gap-2">
        <CopyButton value={codes.join('\n')} label={t('codes.copy')} />
        {children}
      </div>
    </section>
  )
}
