'use client'

import { useTranslations } from 'next-intl'
import { Button } from '#components/ui/button.tsx'
import { Card, CardFoot, Panel } from '#components/ui/card.tsx'
import { DefinitionList } from '#components/ui/definition-list.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import { Mono } from '#components/ui/mono.tsx'
import type { ImportAnswer } from '#server/audit/schema.ts'
import { WhyRejected } from './rejected-line.tsx'

const SHOWN = 10

/** What became of a file: counts, its digest, and the lines that were not taken. */
export function ImportResult({ answer }: { answer: ImportAnswer }) {
  const t = useTranslations('imports.result')
  const { source, file, accepted, duplicates, rejected, rejectedCount } = answer
  return (
    <Card>
      <Panel title={t('title', { name: file.name })}>
        <div role="status">
          <p>{t('counts', { accepted, duplicates, rejected: rejectedCount })}</p>
        </div>
        <DefinitionList
          items={[
            { term: t('source'), value: <Mono>{source}</Mono> },
            { term: 'SHA-256', value: <Mono className="break-all">{file.sha256}</Mono> },
          ]}
        />
        {rejected.length > 0 && (
          <ul className="border-t border-line pt-2">
            {rejected.slice(0, SHOWN).map((one) => (
              <li key={`${one.line}/${one.code}`} className="break-words">
                {t('line', { line: one.line })} <WhyRejected of={one} />
              </li>
            ))}
          </ul>
        )}
        {rejectedCount > rejected.length && <p className="mt-2 text-ink-2">{t('more', { count: rejected.length })}</p>}
      </Panel>
      <CardFoot className="flex flex-wrap gap-2">
        <ButtonLink href={`/audit?q=${encodeURIComponent(`source:"${source}"`)}`}>{t('open')}</ButtonLink>
        {rejected.length > 0 && <Button onClick={() => download(answer)}>{t('download')}</Button>}
      </CardFoot>
    </Card>
  )
}

function download({ file, rejected }: ImportAnswer): void {
  const lines = rejected.map((line) => `${JSON.stringify(line)}\n`)
  const url = URL.createObjectURL(new Blob(lines, { type: 'application/x-ndjson' }))
  const link = document.createElement('a')
  link.href = url
  link.download = `${file.name}.rejected.ndjson`
  link.click()
  URL.revokeObjectURL(url)
}
