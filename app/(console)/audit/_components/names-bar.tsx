import { EyeOff } from 'lucide-react'
import { getTranslations } from 'next-intl/server'
import { visibleText } from '#components/audit/visible-text.ts'
import type { NamesShown } from '#server/audit/schema.ts'
import { now } from '#server/kernel/clock.ts'
import { NamesCountdown } from './names-countdown.tsx'
import { ShowNames } from './show-names.tsx'

type Props = { shown: NamesShown; unanswered: readonly string[] }

/** Whether names are shown to this reader, and what to do about it; nothing where they always are. */
export async function NamesBar({ shown, unanswered }: Props) {
  if (shown.state === 'always') return null
  const t = await getTranslations('names')
  return (
    <section
      aria-label={t('label')}
      className="mb-2 rounded-control border border-line bg-sunken px-3 py-1.5 text-ink-2"
    >
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <EyeOff aria-hidden className="size-4 shrink-0" />
        {shown.state === 'shown' ? (
          <NamesCountdown leftMs={Date.parse(shown.until) - now().getTime()} isSome={shown.of === 'some'} />
        ) : (
          <p className="min-w-0 flex-1 basis-60">{t(shown.state === 'never' ? 'never' : 'onRequest')}</p>
        )}
        {(shown.state === 'on_request' || (shown.state === 'shown' && shown.of === 'some')) && <ShowNames />}
      </div>
      {unanswered.length > 0 && (
        <p role="status" className="mt-1 break-words">
          {t('unanswered', { terms: visibleText(unanswered.join(', ')) })}
        </p>
      )}
    </section>
  )
}
