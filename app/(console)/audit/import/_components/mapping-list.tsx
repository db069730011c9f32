import { useTranslations } from 'next-intl'
import { FormShell } from '#components/form/form-shell.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { Card, Panel } from '#components/ui/card.tsx'
import { Link } from '#components/ui/link.tsx'
import { Time } from '#components/ui/time.tsx'
import type { MappingView } from '#server/audit/schema.ts'
import { remove } from '../actions.ts'

type Props = { mappings: MappingView[]; chosen: string | null }

/** What was saved before: pick one, or delete it. */
export function MappingList({ mappings, chosen }: Props) {
  const t = useTranslations('imports')
  return (
    <Card className="self-start">
      <Panel title={t('mappings.title')}>
        {mappings.length === 0 && <p className="text-ink-2">{t('mappings.empty')}</p>}
        <ul>
          {mappings.map(({ name, updatedAt, updatedBy }) => (
            <li key={name} className="flex items-center gap-2 border-b border-line py-2 last:border-0">
              <div className="min-w-0 flex-1">
                <Link
                  href={`/audit/import?mapping=${encodeURIComponent(name)}`}
                  aria-current={name === chosen ? 'true' : undefined}
                  className="break-words aria-[current]:font-semibold"
                >
                  {name}
                </Link>
                <p className="text-ink-3">
                  <Time value={updatedAt} precision="day" /> · {updatedBy}
                </p>
              </div>
              <FormShell action={remove.bind(null, name)}>
                <SubmitButton variant="ghost" size="small" aria-label={t('mappings.removeOf', { name })}>
                  {t('mappings.remove')}
                </SubmitButton>
              </FormShell>
            </li>
          ))}
        </ul>
      </Panel>
    </Card>
  )
}
