import { useTranslations } from 'next-intl'
import { Button } from '#components/ui/button.tsx'
import { Field } from '#components/ui/field.tsx'
import { Input } from '#components/ui/input.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { ZoneSelect } from '../../../../audit/_components/zone-select.tsx'
import { wallOf } from '../../../../audit/_zoned-time.ts'
import type { Period } from '../_period.ts'

type Props = { fileId: string; period: Period; timeZone: string }

/** The period on the clock of the shown zone. Needs no script. */
export function PeriodForm({ fileId, period, timeZone }: Props) {
  const t = useTranslations('whoSaw')
  const path = `/files/${fileId}/who-saw`
  return (
    <>
      {period.isWrong && (
        <Notice tone="danger" announce className="mb-3">
          {t('period.wrong')}
        </Notice>
      )}
      <form action={path} aria-label={t('period.label')} className="mb-4 flex flex-wrap items-end gap-2">
        {(['from', 'to'] as const).map((name) => (
          <Field key={name} label={t(`period.${name}`)} className="mb-0! max-sm:basis-full">
            {(control) => (
              <Input
                {...control}
                // Another zone is another clock on the wall.
                key={`${period[name]}${timeZone}`}
                type="datetime-local"
                step="1"
                name={name}
                defaultValue={period[name] ? wallOf(period[name], timeZone) : ''}
              />
            )}
          </Field>
        ))}
        <Button type="submit">{t('period.show')}</Button>
        {(period.from || period.to) && <ButtonLink href={path}>{t('period.all')}</ButtonLink>}
        <ZoneSelect />
      </form>
    </>
  )
}
