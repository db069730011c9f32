'use client'

import { useTranslations } from 'next-intl'
import { Button } from '#components/ui/button.tsx'

type Props = { fileId: string; period: { from?: string | undefined; to?: string | undefined }; refused: string | null }

/** One button: the report as PDF and CSV in a sealed bundle. */
export function SealForm({ fileId, period, refused }: Props) {
  const t = useTranslations('whoSaw.seal')
  return (
    <form method="post" action={`/files/${fileId}/who-saw/report`}>
      {period.from && <input type="hidden" name="from" value={period.from} />}
      {period.to && <input type="hidden" name="to" value={period.to} />}
      <Button type="submit" variant="primary" disabledReason={refused} title={t('hint')}>
        {t('button')}
      </Button>
    </form>
  )
}
