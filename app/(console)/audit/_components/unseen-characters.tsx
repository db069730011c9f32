import { useTranslations } from 'next-intl'
import { unseenIn, visibleText } from '#components/audit/visible-text.ts'

/** Below a field, which cannot spell them out: the characters of its text that hide or reorder, and the text as it is. */
export function UnseenCharacters({ id, text }: { id: string; text: string }) {
  const t = useTranslations('audit')
  const unseen = unseenIn(text)
  const list = unseen.map(({ code, does }) => t(`query.unseen.${does}`, { code })).join(', ')
  // There from the beginning: a status that appears with its words is not read out.
  return (
    <p id={id} role="status" className={unseen.length > 0 ? 'mt-1 break-words text-warn' : 'sr-only'}>
      {unseen.length > 0 && (
        <>
          {t('query.unseen.text', { list })}{' '}
          <bdi dir="ltr" className="font-mono text-mono wrap-anywhere">
            {visibleText(text)}
          </bdi>
        </>
      )}
    </p>
  )
}
