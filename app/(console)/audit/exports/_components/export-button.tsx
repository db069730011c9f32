'use client'

import { useTimeZone, useTranslations } from 'next-intl'
import { FormShell } from '#components/form/form-shell.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { Button } from '#components/ui/button.tsx'
import { ButtonRow, Dialog } from '#components/ui/dialog.tsx'
import { Link } from '#components/ui/link.tsx'
import { Segmented } from '#components/ui/segmented.tsx'
import { request } from '../actions.ts'

/** What is exported: the search as it is asked now, times in the zone that the page shows. */
export type ExportAsk = { q: string; from?: string; to?: string; timeZone: string }

const FORMATS = ['csv', 'ndjson', 'parquet'] as const

/** Everything that matches `ask`, as a sealed file. `canExport` false says what is missing. */
export function ExportButton({ ask, canExport }: { ask: Omit<ExportAsk, 'timeZone'>; canExport: boolean }) {
  const t = useTranslations('exports')
  const timeZone = useTimeZone() ?? 'UTC'
  if (!canExport) return <Button disabledReason={t('notPermitted')}>{t('button')}</Button>
  return (
    <Dialog trigger={<Button>{t('button')}</Button>} title={t('dialogTitle')} description={t('dialogText')}>
      <FormShell action={request.bind(null, { ...ask, timeZone })} label={t('dialogTitle')}>
        <Segmented
          name="format"
          label={t('format')}
          showLabel
          defaultValue="csv"
          options={FORMATS.map((value) => ({ value, label: t(`formats.${value}`) }))}
        />
        <p className="mt-2 text-ink-2">{t('zone', { zone: timeZone })}</p>
        <p className="mt-1 text-ink-2">
          <Link href="/audit/exports">{t('all')}</Link>
        </p>
        <ButtonRow>
          <SubmitButton>{t('start')}</SubmitButton>
        </ButtonRow>
      </FormShell>
    </Dialog>
  )
}
