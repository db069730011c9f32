import { useTranslations } from 'next-intl'
import { actorWords, nameWords, pseudonymIn } from '#components/audit/name-words.ts'
import { systemWords } from '#components/audit/system-actors.ts'
import { visibleText } from '#components/audit/visible-text.ts'
import { cx } from '#components/ui/cx.ts'

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
  const pseudonym = pseudonymIn(name)
  if (!pseudonym) return visibleText(name)
  return (
    <span
      title={t('pseudonym')}
      className={cx(
        'inline-flex gap-1 whitespace-nowrap rounded bg-sunken px-1 align-bottom',
        !isWhole && 'max-w-full',
      )}
    >
      <span className={isWhole ? 'shrink-0' : 'min-w-0 truncate'}>{t(`kind.${pseudonym.kind}`)}</span>
      <span className="shrink-0 font-mono text-mono leading-[inherit]">{pseudonym.code}</span>
    </span>
  )
}

/** Whoever acted: a part of the product by what it is called here, anybody else by name or pseudonym. */
export function ActorName({ kind, name }: { kind: string; name: string }) {
  const t = useTranslations('names')
  const own = kind === 'system' ? systemWords(t, name) : null
  return own === null ? <Name>{name}</Name> : <span title={`${own} · ${name}`}>{own}</span>
}
