'use client'

import { useRouter } from 'next/navigation'
import { useTimeZone, useTranslations } from 'next-intl'
import { type FormEvent, useState } from 'react'
import { Button } from '#components/ui/button.tsx'
import { Field } from '#components/ui/field.tsx'
import { Input, Select } from '#components/ui/input.tsx'
import { momentOf, wallOf } from '../_zoned-time.ts'
import { type AuditParams, auditHref, SPANS, type SpanName } from '../search-params.ts'

const NAMES = Object.keys(SPANS) as SpanName[]

/** When it occurred: a span that ends now, or two moments on the clock of the shown zone. */
export function TimeRange({ params }: { params: AuditParams }) {
  const t = useTranslations('audit')
  const router = useRouter()
  const zone = useTimeZone() ?? 'UTC'
  const isCustom = Boolean(params.from || params.to)
  // The address decides: the bars above the list set times, too, and other links take them away.
  const [isAsked, setAsked] = useState(false)
  const open = isCustom || isAsked
  const go = (changes: Parameters<typeof auditHref>[1]) => router.push(auditHref(params, changes), { scroll: false })

  function choose(value: string) {
    setAsked(value === 'custom')
    if (value !== 'custom') go({ last: value === 'all' ? null : value, from: null, to: null })
  }

  function apply(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const at = (name: string) => momentOf(String(form.get(name) ?? ''), zone)?.toISOString() ?? null
    setAsked(false)
    go({ last: null, from: at('from'), to: at('to') })
  }

  const options = ['all' as const, ...NAMES, 'custom' as const].map((value) => ({ value, label: t(`range.${value}`) }))
  return (
    <>
      <Select
        aria-label={t('range.label')}
        className="max-sm:flex-1"
        options={options}
        value={open ? 'custom' : (params.last ?? 'all')}
        onChange={(event) => choose(event.currentTarget.value)}
      />
      {open && (
        <form
          key={`${params.from}${params.to}${zone}`}
          aria-label={t('range.occurred')}
          onSubmit={apply}
          className="order-last flex basis-full flex-wrap items-end gap-2"
        >
          {(['from', 'to'] as const).map((name) => (
            <Field
              key={name}
              label={t(`range.${name}`)}
              className="mb-0! max-sm:grid max-sm:basis-full max-sm:grid-cols-[3rem_minmax(0,1fr)] max-sm:items-center"
            >
              {(control) => (
                <Input
                  {...control}
                  type="datetime-local"
                  step="1"
                  name={name}
                  defaultValue={params[name] ? wallOf(params[name], zone) : ''}
                />
              )}
            </Field>
          ))}
          <Button type="submit">{t('range.apply')}</Button>
        </form>
      )}
    </>
  )
}
