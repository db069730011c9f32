import { getTranslations } from 'next-intl/server'
import type { ReactNode } from 'react'
import { Button } from '#components/ui/button.tsx'
import { buttonClass } from '#components/ui/button-class.ts'
import { Field } from '#components/ui/field.tsx'
import { Input } from '#components/ui/input.tsx'
import { Popout } from '#components/ui/popout.tsx'
import { Segmented } from '#components/ui/segmented.tsx'
import { AROUND_MINUTES, AROUND_WHAT, eventIdIn, QUESTION_KINDS, QUESTIONS, type Question } from '../_questions.ts'
import type { AuditParams } from '../search-params.ts'
import { HiddenState } from './hidden-state.tsx'
import { QuestionPicker } from './question-picker.tsx'

/** What people come to ask, as forms that write the query. One is open at a time. */
export async function Questions({ params }: { params: AuditParams }) {
  const t = await getTranslations('audit')
  return (
    <section
      aria-label={t('questions.label')}
      className="mb-2 flex flex-wrap gap-2 max-sm:hidden group-has-[[data-fold=asks][open]]/log:flex"
    >
      {QUESTIONS.map((question) => (
        <Popout
          key={question}
          name="audit-question"
          className="group relative"
          open={question === 'around' && params.around !== undefined}
        >
          <summary
            className={buttonClass(
              'default',
              'medium',
              'cursor-pointer list-none [&::-webkit-details-marker]:hidden group-open:border-accent',
            )}
          >
            {t(`questions.${question}`)}
          </summary>
          <form
            action={question === 'around' ? '/audit/ask/around' : '/audit/ask'}
            aria-label={t(`questions.${question}`)}
            className="absolute z-30 mt-1 w-80 max-w-[calc(100vw-2rem)] rounded-card border border-line bg-surface p-3 shadow-pop max-sm:static max-sm:w-auto max-sm:shadow-none"
          >
            <HiddenState params={params} q={question === 'around'} />
            <input type="hidden" name="question" value={question} />
            <QuestionFields question={question} around={params.around} />
          </form>
        </Popout>
      ))}
    </section>
  )
}

async function QuestionFields({ question, around }: { question: Question; around: string | undefined }) {
  const t = await getTranslations('audit.questions')
  if (question === 'around') return <AroundFields given={around} />
  const needed = question === 'saw' || question === 'did'
  return (
    <>
      <Field label={t(`value.${question}`)} className="mb-2">
        {({ id }) => <QuestionPicker id={id} required={needed} kinds={QUESTION_KINDS[question]} />}
      </Field>
      {question === 'did' && (
        <Choice
          name="scope"
          label={t('scope')}
          options={['all', 'admin'].map((value) => ({ value, label: t(`scopes.${value as 'all'}`) }))}
        />
      )}
      <Submit>
        {question === 'saw' && (
          <Button type="submit" name="as" value="table">
            {t('table')}
          </Button>
        )}
      </Submit>
    </>
  )
}

async function AroundFields({ given }: { given: string | undefined }) {
  const t = await getTranslations('audit.questions')
  const error = given && t(eventIdIn(given) ? 'noEvent' : 'noEventId')
  return (
    <>
      <Field label={t('value.around')} hint={t('aroundHint')} error={error} required className="mb-2">
        {(control) => <Input {...control} name="value" mono maxLength={500} defaultValue={given} />}
      </Field>
      <Choice
        name="minutes"
        label={t('minutes')}
        options={AROUND_MINUTES.map((value) => ({ value, label: t('minutesEach', { count: Number(value) }) }))}
      />
      <Choice
        name="what"
        label={t('what')}
        options={AROUND_WHAT.map((value) => ({ value, label: t(`whats.${value}`) }))}
      />
      <Submit />
    </>
  )
}

type ChoiceProps = { name: string; label: string; options: { value: string; label: string }[] }

function Choice({ name, label, options }: ChoiceProps) {
  return (
    <Segmented
      name={name}
      label={label}
      showLabel
      options={options}
      defaultValue={options[0]?.value ?? ''}
      className="mb-3"
    />
  )
}

async function Submit({ children }: { children?: ReactNode }) {
  const t = await getTranslations('audit.questions')
  return (
    <div className="flex flex-wrap gap-2">
      <Button type="submit" variant="primary">
        {t('ask')}
      </Button>
      {children}
    </div>
  )
}
