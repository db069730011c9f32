'use client'

import { useTranslations } from 'next-intl'
import { Button } from '#components/ui/button.tsx'
import { ErrorState } from '#components/ui/states.tsx'

/** A page that failed, inside the frame: the way to the other places stays. */
// biome-ignore lint/suspicious/noShadowRestrictedNames: the name Next gives this file
export default function Error({ error, reset }: { error: Error & { digest?: string }; reset: () => void }) {
  const t = useTranslations('common')
  return (
    <ErrorState
      requestId={error.digest}
      action={<Button onClick={reset}>{t('retry')}</Button>}
      className="min-h-[60dvh] justify-center"
    />
  )
}
