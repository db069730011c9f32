import { systemWords } from './system-actors.ts'
import { visibleText } from './visible-text.ts'

/** How a masked answer calls somebody or something (server/audit/masking). */
const PSEUDONYM = /^(Person|Device|Item) ([0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4})$/

type Kind = 'Person' | 'Device' | 'Item'
/** The messages of `names`, of whichever component. */
type KindWords = (key: `kind.${Kind}`) => string
type ActorWords = KindWords & Parameters<typeof systemWords>[0]

/** What a pseudonym consists of; null for a name. */
export function pseudonymIn(name: string): { kind: Kind; code: string } | null {
  const [, kind, code] = PSEUDONYM.exec(name) ?? []
  return code === undefined ? null : { kind: kind as Kind, code }
}

/** Whether a masked answer calls somebody or something so. */
export function isPseudonym(name: string): boolean {
  return pseudonymIn(name) !== null
}

/** A name as it stands, or a pseudonym in the reader's language. */
export function nameWords(t: KindWords, name: string): string {
  const pseudonym = pseudonymIn(name)
  return pseudonym ? `${t(`kind.${pseudonym.kind}`)} ${pseudonym.code}` : visibleText(name)
}

/** What whoever acted is called: our own parts in the reader's language, anybody else by name. */
export function actorWords(t: ActorWords, { kind, name }: { kind: string; name: string }): string {
  return (kind === 'system' ? systemWords(t, name) : null) ?? nameWords(t, name)
}
