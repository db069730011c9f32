'use client'

import { useTranslations } from 'next-intl'
import { type FormEvent, useState } from 'react'
import { toast } from 'sonner'
import { Button } from '#components/ui/button.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { refusalWords, type SealProblem } from '../_seal-refusal.ts'

type Props = { fileId: string; period: { from?: string | undefined; to?: string | undefined }; refused: string | null }

/** One button: the report as PDF and CSV in a sealed bundle. Without scripts the browser downloads what the form answers. */
export function SealForm({ fileId, period, refused }: Props) {
  const [t, errors] = [useTranslations('whoSaw.seal'), useTranslations('errors')]
  const [isMaking, setMaking] = useState(false)
  const [problem, setProblem] = useState<string | null>(null)

  async function make(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const { action } = event.currentTarget
    const body = new FormData(event.currentTarget)
    setMaking(true)
    setProblem(null)
    try {
      const answer = await fetch(action, { method: 'POST', body })
      if (answer.ok) {
        save(await answer.blob(), nameIn(answer.headers.get('content-disposition')))
        toast.success(t('done'))
      } else setProblem(t('failed', { detail: refusalWords({ seal: t, errors }, await problemOf(answer)) }))
    } catch {
      setProblem(t('failed', { detail: t('offline') }))
    }
    setMaking(false)
  }

  return (
    <form method="post" action={`/files/${fileId}/who-saw/report`} onSubmit={make} aria-busy={isMaking}>
      {period.from && <input type="hidden" name="from" value={period.from} />}
      {period.to && <input type="hidden" name="to" value={period.to} />}
      <Button
        type="submit"
        variant="primary"
        disabledReason={refused ?? (isMaking ? t('making') : null)}
        title={t('hint')}
      >
        {isMaking ? t('making') : t('button')}
      </Button>
      {problem && (
        <Notice tone="danger" announce className="mt-2">
          {problem}
        </Notice>
      )}
    </form>
  )
}

/** The problem document; an answer that is none, as a proxy's, is told by its status. */
async function problemOf(answer: Response): Promise<SealProblem> {
  const given = (await answer.json().catch(() => null)) as Partial<SealProblem> | null // our own route
  return { code: given?.code ?? '', detail: given?.detail ?? String(answer.status), requestId: given?.requestId ?? '' }
}

function nameIn(disposition: string | null): string {
  return /filename="([^"]+)"/.exec(disposition ?? '')?.[1] ?? 'report.zip'
}

function save(blob: Blob, name: string) {
  const url = URL.createObjectURL(blob)
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  // After the browser took it.
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}
