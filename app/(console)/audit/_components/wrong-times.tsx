import { useTranslations } from 'next-intl'
import { visibleText } from '#components/audit/visible-text.ts'
import { ButtonLink } from '#components/ui/link.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { type AuditParams, auditHref, SPANS, type WrongTime } from '../search-params.ts'

/** Which times of the address cannot be read, or end before they begin. Nothing is searched: all of the log would be a wrong answer. */
export function WrongTimes({ params, wrong }: { params: AuditParams; wrong: readonly WrongTime[] }) {
  const t = useTranslations('audit.wrongTime')
  return (
    <Notice tone="danger" announce className="mt-2">
      <b>{t('title')}</b>
      <ul className="my-1">
        {wrong.map(({ name, value, problem }) => (
          <li key={name} className="break-words">
            <code className="font-mono text-mono">
              {name}={visibleText(value)}
            </code>
            {': '}
            {t(problem, { spans: Object.keys(SPANS).join(', ') })}
          </li>
        ))}
      </ul>
      <ButtonLink href={auditHref(params)}>{t('without')}</ButtonLink>
    </Notice>
  )
}
