'use client'

import { useTranslations } from 'next-intl'
import { useId, useState } from 'react'
import { TextAreaField, useFieldError } from '#components/form/fields.tsx'
import { Switch } from '#components/ui/check.tsx'
import { cx } from '#components/ui/cx.ts'
import { Select } from '#components/ui/input.tsx'
import type { PolicyDocument } from '#protocol/policy/document.ts'
import { EnforcedWhere } from './enforced-where.tsx'
import { DATA_MODES, OPERATIONS, type Operation } from './policy-text.ts'
import { useWas } from './setting-text.ts'

type Props = { document: PolicyDocument; inForce: PolicyDocument }

const cell = 'px-2 py-1.5 text-left align-middle max-sm:block max-sm:px-3'

/** What may be done with data, one operation a row; on a phone the row's parts stand below each other. */
export function DataTable({ document, inForce }: Props) {
  const t = useTranslations('policies')
  const was = useWas()
  const { askReason } = document.data.forward
  const [forward, setForward] = useState<string>(document.data.forward.mode)
  return (
    <>
      <table aria-label={t('section.data')} className="w-full border-collapse max-sm:block">
        <thead className="max-sm:sr-only">
          <tr className="border-b border-line text-[11px] text-ink-2">
            <th className={cell}>{t('operation')}</th>
            <th className={cell}>{t('setting')}</th>
            <th className={cell}>{t('where')}</th>
          </tr>
        </thead>
        <tbody className="max-sm:block">
          {OPERATIONS.map((operation) => (
            <OperationRow
              key={operation}
              operation={operation}
              mode={document.data[operation].mode}
              inForce={inForce.data[operation].mode}
              onChange={operation === 'forward' ? setForward : undefined}
            />
          ))}
        </tbody>
      </table>
      <div className={cx('border-t border-line px-3 pt-3', forward !== 'internal' && 'hidden')}>
        <TextAreaField
          name="data.forward.internalDomains"
          label={t('field.data.forward.internalDomains')}
          hint={t('hint.internalDomains')}
          rows={3}
          mono
          defaultValue={document.data.forward.internalDomains.join('\n')}
        />
      </div>
      <div className={cx('border-t border-line px-3 py-2', forward === 'block' && 'hidden')}>
        <Switch
          name="data.forward.askReason"
          label={t('field.data.forward.askReason')}
          hint={was('data.forward.askReason', askReason, inForce.data.forward.askReason) ?? t('hint.askReason')}
          defaultChecked={askReason}
        />
      </div>
    </>
  )
}

type RowProps = { operation: Operation; mode: string; inForce: string; onChange: ((mode: string) => void) | undefined }

function OperationRow({ operation, mode, inForce, onChange }: RowProps) {
  const t = useTranslations('policies')
  const was = useWas()
  const id = useId()
  const path = `data.${operation}.mode` as const
  const error = useFieldError(path)
  const changed = was(path, mode, inForce)
  return (
    <tr className="border-b border-line last:border-0 max-sm:block max-sm:py-2">
      <th scope="row" className={cell}>
        <label htmlFor={id} className="font-semibold">
          {t(`field.${path}`)}
        </label>
      </th>
      <td className={cx(cell, changed && 'bg-accent-soft')}>
        <span className="flex flex-wrap items-center gap-2">
          <Select
            id={id}
            name={path}
            defaultValue={mode}
            aria-invalid={error ? true : undefined}
            onChange={onChange && ((event) => onChange(event.currentTarget.value))}
            options={DATA_MODES[operation].map((value) => ({ value, label: t(`value.${value}`) }))}
            className="w-44 max-sm:w-full"
          />
          {changed && <span className="text-ink-2">{changed}</span>}
        </span>
        {error && <p className="text-danger">{error}</p>}
      </td>
      <td className={cell}>
        <EnforcedWhere operation={operation} />
      </td>
    </tr>
  )
}
