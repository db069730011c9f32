import { useTranslations } from 'next-intl'
import { Card, Panel } from '#components/ui/card.tsx'
import {
  type FactName,
  factsOf,
  GUARDED_OPERATIONS,
  PLATFORMS,
  type PlatformFact,
  truthOf,
} from '#protocol/policy/platforms.ts'
import { TruthTag } from './truth-tag.tsx'

const cell = 'px-2 py-1.5 text-left align-top max-sm:flex max-sm:items-baseline max-sm:gap-2 max-sm:px-3 max-sm:py-1'

/** What each platform can do about each operation at most, with the sources; on a phone one platform below the other. */
export function TruthTable() {
  const t = useTranslations('policies')
  return (
    <Card clip className="mt-4">
      <Panel title={t('truth.title')}>
        <p className="text-ink-2">{t('truth.text')}</p>
      </Panel>
      <table aria-label={t('truth.title')} className="w-full border-collapse border-t border-line max-sm:block">
        <thead className="max-sm:sr-only">
          <tr className="border-b border-line text-[11px] text-ink-2">
            <th className={cell}>{t('truth.platform')}</th>
            {GUARDED_OPERATIONS.map((operation) => (
              <th key={operation} className={cell}>
                {t(`field.data.${operation}.mode`)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="max-sm:block">
          {PLATFORMS.map((platform) => (
            <tr key={platform} className="border-b border-line max-sm:block max-sm:py-2">
              <th scope="row" className={`${cell} font-semibold`}>
                {t(`platform.${platform}`)}
              </th>
              {GUARDED_OPERATIONS.map((operation) => (
                <td key={operation} className={cell}>
                  <span aria-hidden className="w-24 shrink-0 text-ink-2 sm:hidden">
                    {t(`field.data.${operation}.mode`)}
                  </span>
                  <TruthTag fact={truthOf(platform, operation)} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <Panel>
        <p>{t('truth.photo')}</p>
        <details className="mt-2">
          <summary className="cursor-pointer py-0.5 text-ink-2 max-sm:py-2.5">{t('truth.why')}</summary>
          <ul className="mt-1">
            {everyFact().map((fact) => (
              <FactLine key={fact.name} fact={fact} />
            ))}
          </ul>
        </details>
      </Panel>
    </Card>
  )
}

function everyFact(): PlatformFact[] {
  const all = PLATFORMS.flatMap((platform) => GUARDED_OPERATIONS.flatMap((operation) => factsOf(platform, operation)))
  return [...new Map(all.map((fact) => [fact.name, fact])).values()]
}

type FactKey<Name extends string = FactName> = Name extends `${infer Owner}.${infer Rest}` ? `${Owner}-${Rest}` : never

/** Keys of messages cannot hold dots. */
export function factKey(name: FactName): FactKey {
  return name.replace('.', '-') as FactKey
}

/** One fact in a sentence, and who documents it. */
export function FactLine({ fact: { name, source, minOsVersion } }: { fact: PlatformFact }) {
  const t = useTranslations('policies')
  return (
    <li className="py-0.5">
      {t(`fact.${factKey(name)}`, { version: minOsVersion ?? '' })}{' '}
      {source && (
        <a href={source} target="_blank" rel="noreferrer" className="underline">
          {t('truth.source', { host: new URL(source).hostname })}
        </a>
      )}
    </li>
  )
}
