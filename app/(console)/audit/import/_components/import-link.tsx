import { useTranslations } from 'next-intl'
import { ButtonLink } from '#components/ui/link.tsx'
import type { PersonActor } from '#server/kernel/actor.ts'

/** The way to the import, for whoever may use it. */
export function ImportLink({ actor }: { actor: PersonActor }) {
  const t = useTranslations('imports')
  return actor.permissions.has('audit:write') ? <ButtonLink href="/audit/import">{t('link')}</ButtonLink> : null
}
