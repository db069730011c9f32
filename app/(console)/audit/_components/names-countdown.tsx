'use client'

import { useRouter } from 'next/navigation'
import { useTranslations } from 'next-intl'
import { useEffect, useState } from 'react'
import { FormShell } from '#components/form/form-shell.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { concealNames } from '../_names-actions.ts'

type Props = { leftMs: number; isSome: boolean }

/** How long names are still shown, second by second; when it is over the page is drawn without them. */
export function NamesCountdown({ leftMs, isSome }: Props) {
  const t = useTranslations('names')
  const left = useTimeLeft(leftMs)
  return (
    <>
      <p className="min-w-0 flex-1 basis-60">
        {t.rich(isSome ? 'shownSome' : 'shown', {
          left: () => (
            <span role="timer" aria-label={t('left')} className="font-mono text-mono" suppressHydrationWarning>
              {clockOf(left)}
            </span>
          ),
        })}
      </p>
      <FormShell action={concealNames} label={t('hide')}>
        <SubmitButton variant="default" size="small">
          {t('hide')}
        </SubmitButton>
      </FormShell>
    </>
  )
}

/** Counts from what the server said was left: the browser's clock may be wrong. */
function useTimeLeft(leftMs: number): number {
  const router = useRouter()
  const [left, setLeft] = useState(leftMs)
  useEffect(() => {
    const ends = performance.now() + leftMs
    const timer = setInterval(() => {
      const rest = Math.max(0, ends - performance.now())
      setLeft(rest)
      if (rest > 0) return
      clearInterval(timer)
      router.refresh()
    }, 1_000)
    return () => clearInterval(timer)
  }, [leftMs, router])
  return left
}

function clockOf(ms: number): string {
  const seconds = Math.ceil(ms / 1_000)
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}
