'use client'

import { useTranslations } from 'next-intl'
import { useState } from 'react'
import { SelectField, TextField } from '#components/form/fields.tsx'
import { cx } from '#components/ui/cx.ts'
import type { PolicyDocument } from '#protocol/policy/document.ts'
import {
  renderWatermark,
  WATERMARK_MAX_LENGTH,
  type WatermarkValues,
  watermarkFault,
} from '#protocol/policy/watermark.ts'
import { TEMPLATE_LIMITS } from './policy-text.ts'
import { useWas } from './setting-text.ts'

type Watermark = PolicyDocument['data']['watermark']
type Props = { watermark: Watermark; inForce: Watermark; sample: WatermarkValues }

/** Whether pages are marked, and with what; the preview is painted by the same function as the pages. */
export function WatermarkFields({ watermark, inForce, sample }: Props) {
  const t = useTranslations('policies')
  const was = useWas()
  const [mode, setMode] = useState<string>(watermark.mode)
  const [template, setTemplate] = useState(watermark.template)
  const isFaulty = watermarkFault(template) !== null
  return (
    <div className="mt-3 grid gap-x-4 sm:grid-cols-[11rem_minmax(0,1fr)]">
      <SelectField
        name="data.watermark.mode"
        label={t('field.data.watermark.mode')}
        hint={was('data.watermark.mode', watermark.mode, inForce.mode) ?? t('hint.watermark')}
        value={mode}
        onChange={(event) => setMode(event.currentTarget.value)}
        options={[
          { value: 'on', label: t('value.on') },
          { value: 'off', label: t('value.unmarked') },
        ]}
      />
      <div className={cx('min-w-0', mode === 'off' && 'hidden')}>
        <TextField
          name="data.watermark.template"
          label={t('field.data.watermark.template')}
          hint={
            was('data.watermark.template', watermark.template, inForce.template) ??
            t(isFaulty ? 'invalid.template' : 'hint.template', TEMPLATE_LIMITS)
          }
          mono
          maxLength={WATERMARK_MAX_LENGTH}
          value={template}
          onChange={(event) => setTemplate(event.currentTarget.value)}
        />
        {!isFaulty && <Preview text={renderWatermark(template, sample)} />}
      </div>
    </div>
  )
}

/** A piece of a page with the text across it, as the viewer paints it. */
function Preview({ text }: { text: string }) {
  const t = useTranslations('policies')
  return (
    <figure className="mb-4">
      <figcaption className="mb-1 text-ink-2">{t('hint.preview')}</figcaption>
      <div className="grid h-24 place-items-center overflow-hidden rounded-control border border-line bg-sunken px-4">
        <p className="max-w-full -rotate-6 break-words text-center text-ink-2">{text}</p>
      </div>
    </figure>
  )
}
