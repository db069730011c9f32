import { useTranslations } from 'next-intl'

/** How a masked answer calls somebody or something (server/audit/masking). */
const PSEUDONYM = /^(Person|Device|Item) ([0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4})$/

/** A name as it stands, or a pseudonym in the reader's language. */
export function useNameWords(): (name: string) => string {
  const t = useTranslations('names')
  return (name) => {
    const [, kind, code] = PSEUDONYM.exec(name) ?? []
    return code === undefined ? name : `${t(`kind.${kind as 'Person'}`)} ${code}`
  }
}

/** A name, or a pseudonym that looks like one. */
export function Name({ children: name }: { children: string }) {
  const t = useTranslations('names')
  const [, kind, code] = PSEUDONYM.exec(name) ?? []
  if (code === undefined) return name
  return (
    <span title={t('pseudonym')} className="whitespace-nowrap rounded bg-sunken px-1">
      {t(`kind.${kind as 'Person'}`)} <span className="font-mono text-mono">{code}</span>
    </span>
  )
}
