import { getTranslations } from 'next-intl/server'
import type { DetailValue } from '#protocol/audit/personal.ts'

type Change = { before?: string | readonly string[]; after?: string | readonly string[] }

/** What an event says beyond its fields; a change shows before and after. */
export async function DetailValues({ detail }: { detail: { readonly [name: string]: DetailValue } }) {
  const t = await getTranslations('audit')
  return (
    <section aria-label={t('event.detail')} className="mb-3 border-t border-line pt-2">
      <dl>
        {Object.entries(detail).map(([name, value]) => (
          <div key={name} className="py-0.5">
            <dt className="font-mono text-mono text-ink-3">{name}</dt>
            <dd className="break-words">{isChange(value) ? <Changed change={value} /> : textOf(value)}</dd>
          </div>
        ))}
      </dl>
    </section>
  )
}

async function Changed({ change }: { change: Change }) {
  const t = await getTranslations('audit')
  return (
    <>
      {change.before !== undefined && (
        <del className="mr-1.5 bg-danger-soft text-danger no-underline">
          <span className="sr-only">{t('event.before')}: </span>− {textOf(change.before)}
        </del>
      )}
      {change.after !== undefined && (
        <ins className="bg-ok-soft text-ok no-underline">
          <span className="sr-only">{t('event.after')}: </span>+ {textOf(change.after)}
        </ins>
      )}
    </>
  )
}

// Array.isArray does not narrow readonly arrays away.
function isChange(value: DetailValue): value is Exclude<DetailValue, string | readonly string[]> {
  return typeof value === 'object' && !Array.isArray(value)
}

function textOf(value: string | readonly string[]): string {
  return typeof value === 'string' ? value : value.join(', ')
}
