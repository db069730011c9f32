import { getTranslations } from 'next-intl/server'
import { Button } from '#components/ui/button.tsx'
import { buttonClass } from '#components/ui/button-class.ts'
import { Field } from '#components/ui/field.tsx'
import { Input } from '#components/ui/input.tsx'
import type { AuditParams } from '../search-params.ts'
import { HiddenState } from './hidden-state.tsx'

const QUESTIONS = [
  { name: 'saw', value: 'file', isNeeded: true },
  { name: 'captured', value: 'whoAny', isNeeded: false },
  { name: 'did', value: 'who', isNeeded: true },
  { name: 'changed', value: 'what', isNeeded: false },
] as const

/** What people come to ask, as forms that write the query. One is open at a time. */
export async function Questions({ params }: { params: AuditParams }) {
  const t = await getTranslations('audit')
  return (
    <section aria-label={t('questions.label')} className="mb-2 flex flex-wrap gap-2">
      {QUESTIONS.map(({ name, value, isNeeded }) => (
        <details key={name} name="audit-question" className="group relative">
          <summary
            className={buttonClass(
              'default',
              'medium',
              'cursor-pointer list-none [&::-webkit-details-marker]:hidden group-open:border-accent',
            )}
          >
            {t(`questions.${name}`)}
          </summary>
          <form
            action="/audit/ask"
            aria-label={t(`questions.${name}`)}
            className="absolute z-30 mt-1 w-80 max-w-[calc(100vw-2rem)] rounded-card border border-line bg-surface p-3 shadow-pop max-sm:static max-sm:w-auto max-sm:shadow-none"
          >
            <HiddenState params={params} q={false} />
            <input type="hidden" name="question" value={name} />
            <Field label={t(`questions.${value}`)} className="mb-2">
              {(control) => <Input {...control} name="value" required={isNeeded} maxLength={200} />}
            </Field>
            <Button type="submit" variant="primary">
              {t('questions.ask')}
            </Button>
          </form>
        </details>
      ))}
    </section>
  )
}
