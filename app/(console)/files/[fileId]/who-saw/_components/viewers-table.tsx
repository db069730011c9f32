import { useTranslations } from 'next-intl'
import { Fragment, type ReactNode } from 'react'
import { isPseudonym } from '#components/audit/name-words.ts'
import { Link } from '#components/ui/link.tsx'
import { EmptyState } from '#components/ui/states.tsx'
import { Tag, type Tone } from '#components/ui/tag.tsx'
import { Time } from '#components/ui/time.tsx'
import type { Viewer, ViewerBasis, WhoSaw } from '#server/audit/schema.ts'
import { Name } from '../../../../audit/_components/pseudonym.tsx'
import { capturesOf, knownOf, nameOf } from '../_answer.ts'

/** More are in the sealed report. */
const SHOWN = 500

const TONES: Record<ViewerBasis, Tone> = { opened: 'neutral', handed: 'warn', acted: 'neutral', refused: 'neutral' }

const cell = 'px-2 py-1.5 text-left align-top max-lg:flex max-lg:gap-2 max-lg:px-4 max-lg:py-0.5'
/** Wide enough for a date in one line. */
const moment = `${cell} lg:min-w-33`
const number = `${cell} tabular-nums lg:text-right`

type Column = { name: string; className: string; of: (viewer: Viewer) => ReactNode }

/** A row for each person; on a phone a card each. */
export function ViewersTable({ answer: { viewers }, hasLinks }: { answer: WhoSaw; hasLinks: boolean }) {
  const t = useTranslations('whoSaw')
  const columns = useColumns(viewers)
  if (viewers.length === 0) return <EmptyState title={t('table.none')} />
  return (
    <>
      <div className="overflow-x-auto">
        <table aria-label={t('table.label')} className="w-full border-collapse border-t border-line max-lg:block">
          <thead className="max-lg:sr-only">
            <tr className="break-keep border-b border-line text-tiny text-ink-3">
              <th className={`${cell} font-medium`}>{t('column.who')}</th>
              {columns.map(({ name, className }) => (
                <th key={name} className={`${className} font-medium text-ink-3!`}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody className="max-lg:block">
            {viewers.slice(0, SHOWN).map((viewer) => (
              <tr
                key={`${viewer.who.kind}${viewer.who.id}${viewer.who.name}`}
                className="border-b border-line last:border-0 max-lg:block max-lg:py-2"
              >
                <th scope="row" className={`${cell} font-normal`}>
                  <Who viewer={viewer} hasLink={hasLinks} />
                </th>
                {columns.map(({ name, className, of }) => {
                  const content = of(viewer)
                  return (
                    <td key={name} className={`${className} ${content === null ? 'max-lg:hidden' : ''}`}>
                      <span aria-hidden className="w-24 shrink-0 text-ink-2 lg:hidden">
                        {name}
                      </span>
                      <span className="min-w-0 break-words">{content ?? <span className="text-ink-3">–</span>}</span>
                    </td>
                  )
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {viewers.length > SHOWN && (
        <p className="px-4 py-2 text-ink-2">{t('table.more', { count: viewers.length - SHOWN })}</p>
      )}
    </>
  )
}

function Who({ viewer: { who, basis }, hasLink }: { viewer: Viewer; hasLink: boolean }) {
  const t = useTranslations('whoSaw')
  const name = <Name isWhole>{who.name && isPseudonym(who.name) ? who.name : nameOf(t, who)}</Name>
  return (
    <span className="flex flex-wrap items-baseline gap-x-2">
      {hasLink && who.kind === 'person' && who.id && who.email ? (
        <Link href={`/people/${who.id}`} className="font-semibold">
          {name}
        </Link>
      ) : (
        <span className="font-semibold">{name}</span>
      )}
      {basis !== 'opened' && (
        <Tag tone={TONES[basis]} className="whitespace-normal!">
          {t(`basis.${basis}`)}
        </Tag>
      )}
    </span>
  )
}

/** One after the other; where there is little room each begins a line. */
export function NameList({ names }: { names: readonly string[] }) {
  return names.map((name, place) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: two may have one name, and their order does not change
    <Fragment key={place}>
      {place > 0 && ', '}
      <Name isWhole>{name}</Name>
    </Fragment>
  ))
}

/** Columns that would hold nothing at all are left out, but for those that the question always asks. */
function useColumns(viewers: readonly Viewer[]): Column[] {
  const t = useTranslations('whoSaw')
  const count = (name: 'views' | 'downloads' | 'prints' | 'copies' | 'forwards' | 'handed' | 'refused'): Column => ({
    name: t(`column.${name}`),
    className: number,
    of: ({ counts }) => counts[name] || null,
  })
  const rare = (['copies', 'handed', 'refused'] as const).filter((name) => viewers.some(({ counts }) => counts[name]))
  return [
    { name: t('column.first'), className: moment, of: ({ first }) => <Time value={first} /> },
    { name: t('column.last'), className: moment, of: ({ last }) => <Time value={last} /> },
    {
      name: t('column.devices'),
      className: `${cell} min-[1400px]:min-w-36`,
      of: ({ devices }) => (devices.length > 0 ? <NameList names={devices.map(({ name }) => name)} /> : null),
    },
    count('views'),
    count('downloads'),
    count('prints'),
    count('forwards'),
    ...rare.map(count),
    { name: t('column.captures'), className: cell, of: (viewer) => capturesOf(t, viewer).join(', ') || null },
    {
      name: t('column.known'),
      className: `${cell} text-ink-2 lg:min-w-30`,
      of: (viewer) => knownOf(t, viewer).join(', '),
    },
  ]
}
