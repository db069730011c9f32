'use client'

import { useTranslations } from 'next-intl'
import { FormShell } from '#components/form/form-shell.tsx'
import type { FormAction } from '#components/form/form-state.ts'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { Card, Panel } from '#components/ui/card.tsx'
import type { PolicyDocument } from '#protocol/policy/document.ts'
import type { WatermarkValues } from '#protocol/policy/watermark.ts'
import { DataTable } from './data-table.tsx'
import { DevicesFields } from './devices-fields.tsx'
import { SignInFields } from './sign-in-fields.tsx'
import { WatermarkFields } from './watermark-fields.tsx'

type Props = {
  policyId: string
  /** What the fields show: the draft, or what is in force. */
  document: PolicyDocument
  inForce: PolicyDocument
  version: number
  draftSeenAt: string | null
  mayWrite: boolean
  /** Whom the watermark's preview shows: who looks at the page. */
  sample: WatermarkValues
  action: FormAction
}

/** The whole policy in one form: it is one document, saved and published as one. */
export function PolicyForm({ policyId, document, inForce, version, draftSeenAt, mayWrite, sample, action }: Props) {
  const t = useTranslations('policies')
  return (
    <FormShell action={action} label={t('title')} className="min-w-0">
      <fieldset disabled={!mayWrite} className="min-w-0">
        <input type="hidden" name="policyId" value={policyId} />
        <input type="hidden" name="base" value={version} />
        <input type="hidden" name="draftSeenAt" value={draftSeenAt ?? ''} />
        <Card clip>
          <DataTable document={document} inForce={inForce} />
        </Card>
        <Card className="mt-4">
          <Panel title={t('section.watermark')}>
            <WatermarkFields watermark={document.data.watermark} inForce={inForce.data.watermark} sample={sample} />
          </Panel>
        </Card>
        <Card className="mt-4">
          <Panel title={t('section.devices')}>
            <DevicesFields devices={document.devices} inForce={inForce.devices} />
          </Panel>
        </Card>
        <Card className="mt-4">
          <Panel title={t('section.signIn')}>
            <SignInFields secondFactor={document.signIn.secondFactor} inForce={inForce.signIn.secondFactor} />
          </Panel>
        </Card>
      </fieldset>
      <div className="mt-4">
        {mayWrite ? (
          <SubmitButton variant="default">{t('draft.save')}</SubmitButton>
        ) : (
          <p className="text-ink-2">{t('readOnly')}</p>
        )}
      </div>
    </FormShell>
  )
}
