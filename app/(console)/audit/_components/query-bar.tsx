import { getTranslations } from 'next-intl/server'
import { visibleText } from '#components/audit/visible-text.ts'
import { ButtonLink } from '#components/ui/link.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { mistakeWords } from '../_mistake-words.ts'
import { type AuditParams, auditHref } from '../search-params.ts'
import { QueryLine } from './query-line.tsx'
import type { Mistake } from './read-meaning.ts'
import { TimeRange } from './time-range.tsx'
import { ZoneSelect } from './zone-select.tsx'

/** The query line, the time and its zone; below them what is wrong with the query. */
export async function QueryBar({ params, mistake }: { params: AuditParams; mistake: Mistake | null }) {
  const [t, query] = await Promise.all([getTranslations('audit'), getTranslations('audit.query')])
  const words = (text: string) => visibleText(mistakeWords(query, text))
  return (
    <>
      <div className="flex flex-wrap gap-2">
        <QueryLine key={params.q} q={params.q} isWrong={mistake !== null} />
        <TimeRange params={params} />
        <ZoneSelect />
      </div>
      {mistake && (
        <div className="mt-2">
          <Notice tone="danger" announce>
            <b>{t('query.mistakeTitle')}</b>
            <pre aria-hidden className="my-1 overflow-x-auto font-mono text-mono">
              {visibleText(params.q)}
              {'\n'}
              {/* As wide as what stands before it: Chinese is wider than spaces. */}
              <span className="invisible">{visibleText(params.q.slice(0, Math.max(0, mistake.column - 1)))}</span>^
            </pre>
            <p className="mb-2">
              {t('query.mistake', {
                column: mistake.column,
                found: words(mistake.found),
                expected: mistake.expected.map(words).join(` ${t('query.or')} `),
              })}
            </p>
            <ButtonLink href={auditHref(params, { q: null })}>{t('query.clear')}</ButtonLink>
          </Notice>
        </div>
      )}
    </>
  )
}
