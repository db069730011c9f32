import { getTranslations } from 'next-intl/server'
import { Panel } from '#components/ui/card.tsx'
import { Tag } from '#components/ui/tag.tsx'
import { PrivacyForm } from './privacy-form.tsx'

/** Whether names in the audit log are shown only for a reason. */
export async function PrivacyPanel({ askReason }: { askReason: boolean }) {
  const t = await getTranslations('settings.privacy')
  return (
    <Panel title={t('title')} aside={<Tag tone={askReason ? 'ok' : 'neutral'}>{t(askReason ? 'on' : 'off')}</Tag>}>
      <p className="mb-3 text-ink-2">{t('intro')}</p>
      <p className="font-medium">{t('label')}</p>
      <p className="mb-3 text-ink-2">{t('hint')}</p>
      <PrivacyForm key={String(askReason)} askReason={askReason} />
    </Panel>
  )
}
