import { useTranslations } from 'next-intl'
import { cx } from '#components/ui/cx.ts'
import { systemWords } from '../_system-actors.ts'
import { visibleText } from '../_visible-text.ts'

/** How a masked answer calls somebody or something (server/audit/masking). */
const PSEUDONYM = /^(Person|Device|Item) ([0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4})$/

type Kind = 'Person' | 'Device' | 'Item'
/** The messages of `names`, of whichever component. */
type KindWords = (key: `kind.${Kind}`) => string
type ActorWords = KindWords & Parameters<typeof systemWords>[0]

/** Whether a masked answer calls somebody or something so. */
export function isPseudonym(name: string): boolean {
  return PSEUDONYM.test(name)
}

/** A name as it stands, or a pseudonym in the reader's language. */
export function nameWords(t: KindWords, name: string): string {
  const [, kind, code] = PSEUDONYM.exec(name) ?? []
  return code === undefined ? visibleText(name) : `${t(`kind.${kind as Kind}`)} ${code}`
}

/** What whoever acted is called: our own parts in the reader's language, anybody else by name. */
export function actorWords(t: ActorWords, { kind, name }: { kind: string; name: string }): string {
  return (kind === 'system' ? systemWords(t, name) : null) ?? nameWords(t, name)
}

/** `actorWords` for components of the browser. */
export function useActorWords(): (actor: { kind: string; name: string }) => string {
  const t = useTranslations('names')
  return (actor) => actorWords(t, actor)
}

export function useNameWords(): (name: string) => string {
  const t = useTranslations('names')
  return (name) => nameWords(t, name)
}

/** A name, or a pseudonym that looks like one: where there is little room its word gives way, unless it is to stay whole, never its code. */
export function Name({ children: name, isWhole = false }: { children: string; isWhole?: boolean }) {
  const t = useTranslations('names')
  const [, kind, code] = PSEUDONYM.exec(name) ?? []
  if (code === undefined) return visibleText(name)
  return (
    <span
      title={t('pseudonym')}
      className={cx(
        'inline-flex gap-1 whitespace-nowrap rounded bg-sunken px-1 align-bottom',
        !isWhole && 'max-w-full',
      )}
    >
      <span className={isWhole ? 'shrink-0' : 'min-w-0 truncate'}>{t(`kind.${kind as Kind}`)}</span>
      <span className="shrink-0 font-mono text-mono leading-[inherit]">{code}</span>
    </span>
  )
}

/** Whoever acted: a part of the product by what it is called here, anybody else by name or pseudonym. */
export function ActorName({ kind, name }: { kind: string; name: string }) {
  const t = useTranslations('names')
  const own = kind === 'system' ? systemWords(t, name) : null
  return own === null ? <Name>{name}</Name> : <span title={`${own} · ${name}`}>{own}</span>
}
