import { getTranslations } from 'next-intl/server'
import { Button } from '#components/ui/button.tsx'
import { Field } from '#components/ui/field.tsx'
import { Input, Select } from '#components/ui/input.tsx'
import { AUDIT_ACTIONS, OUTCOMES } from '#protocol/audit/actions.ts'
import { actionWords } from '../_action-words.ts'
import type { AuditParams } from '../search-params.ts'
import { HiddenState } from './hidden-state.tsx'

/** Conditions by form: it writes the same text as the query line. */
export async function Builder({ params }: { params: AuditParams }) {
  const t = await getTranslations('audit')
  const actions = await getTranslations('actions')
  const common = await getTranslations('common')
  const words = AUDIT_ACTIONS.map((value) => ({ value, label: actionWords(actions, value) }))
  const outcomes = OUTCOMES.map((value) => ({ value, label: common(`outcome.${value}`) }))
  return (
    <details className="open:basis-full">
      <summary className="inline-block cursor-pointer py-0.5 text-accent max-sm:py-2.5">{t('builder.open')}</summary>
      <form
        action="/audit/ask"
        aria-label={t('builder.title')}
        className="mt-1.5 grid gap-2 sm:grid-cols-3 xl:grid-cols-6"
      >
        <HiddenState params={params} />
        <Field label={t('builder.action')} className="mb-0">
          {(control) => <Select {...control} name="action" placeholder={common('filter.any')} options={words} />}
        </Field>
        <Field label={t('builder.outcome')} className="mb-0">
          {(control) => <Select {...control} name="outcome" placeholder={common('filter.any')} options={outcomes} />}
        </Field>
        {(['person', 'device'] as const).map((name) => (
          <Field key={name} label={t(`builder.${name}`)} className="mb-0">
            {(control) => <Input {...control} name={name} placeholder={t('builder.nameHint')} maxLength={200} />}
          </Field>
        ))}
        <Field label={t('builder.address')} className="mb-0">
          {(control) => <Input {...control} name="ip" mono placeholder={t('builder.addressHint')} maxLength={60} />}
        </Field>
        <Field label={t('builder.words')} className="mb-0">
          {(control) => <Input {...control} name="words" maxLength={200} />}
        </Field>
        <div className="sm:col-span-3 xl:col-span-6">
          <Button type="submit">{t('builder.add')}</Button>
        </div>
      </form>
    </details>
  )
}
