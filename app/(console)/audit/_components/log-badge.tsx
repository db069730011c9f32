import { getTranslations } from 'next-intl/server'
import { Link } from '#components/ui/link.tsx'
import { Tag, type Tone } from '#components/ui/tag.tsx'
import { Time } from '#components/ui/time.tsx'
import { getTrust } from '#server/audit/queries.ts'
import type { LogState } from '#server/audit/schema.ts'
import type { PersonActor } from '#server/kernel/actor.ts'

const TONES: Record<LogState, Tone> = {
  ok: 'ok',
  unsigned: 'neutral',
  behind: 'danger',
  different: 'danger',
  key_missing: 'danger',
  file_missing: 'danger',
}

/** How the log stands against what was signed. "Intact" would need somebody outside who saw it. */
export async function LogBadge({ actor }: { actor: PersonActor }) {
  const t = await getTranslations('audit')
  const { state, size, checkpoints } = await getTrust(actor, {})
  const [newest] = checkpoints
  return (
    <Link href="/trust" className="self-center">
      <Tag tone={TONES[state]}>
        {state === 'ok' && newest
          ? t.rich('badge.ok', { count: newest.size, at: () => <Time value={newest.signedAt} dateless /> })
          : state === 'ok' || state === 'unsigned'
            ? t('badge.unsigned', { count: size })
            : t(`badge.${state}`)}
      </Tag>
    </Link>
  )
}
