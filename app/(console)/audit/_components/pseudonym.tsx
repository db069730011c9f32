import { useTranslations } from 'next-intl'

/** How a masked answer calls somebody or something (server/audit/masking). */
const PSEUDONYM = /^(Person|Device|Item) ([0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4})$/

type Kind = 'Person' | 'Device' | 'Item'
/** The messages of `names`, of whichever component. */
type KindWords = (key: `kind.${Kind}`) => string

/** A name as it stands, or a pseudonym in the reader's language. */
export function nameWords(t: KindWords, name: string): string {
  const [, kind, code] = PSEUDONYM.exec(name) ?? []
  return code === undefined ? name : `${t(`kind.${kind as Kind}`)} ${code}`
}

export function useNameWords(): (name: string) => string {
  const t = useTranslations('names')
  return (name) => nameWords(t, name)
}

/** A name, or a pseudonym that looks like one: where there is little room its word gives way, never its code. */
export function Name({ children: name }: { children: string }) {
  const t = useTranslations('names')
  const [, kind, code] = PSEUDONYM.exec(name) ?? []
  if (code === undefined) return name
  return (
    <span title={t('pseudonym')} className="inline-flex max-w-full gap-1 rounded bg-sunken px-1 align-bottom">
      <span className="min-w-0 truncate">{t(`kind.${kind as Kind}`)}</span>
      <span className="shrink-0 font-mono text-mono leading-[inherit]">{code}</span>
    </span>
  )
}
