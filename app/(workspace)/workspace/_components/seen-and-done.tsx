import { useTranslations } from 'next-intl'
import type { PolicyBundle } from '#protocol/device/policy-bundle.ts'

type Props = { powers: Record<string, number>; policy: PolicyBundle | null }

/** What the organisation can see and do here: each sentence follows from the policy in force and from who holds which permission now. */
export function SeenAndDone({ powers, policy }: Props) {
  const t = useTranslations('workspace')
  const count = (permission: string) => powers[permission] ?? 0
  return (
    <>
      <h3 className="mt-2">{t('seen.see')}</h3>
      <ul className="list-disc pl-5 text-ink-2">
        <li>{t('seen.device', { count: count('devices:read') })}</li>
        <li>{t('seen.acts', { count: count('audit:read') })}</li>
        <li>{t('seen.content', { count: count('content:write') })}</li>
        <li>{t('seen.server')}</li>
      </ul>
      <h3 className="mt-3">{t('seen.do')}</h3>
      <ul className="list-disc pl-5 text-ink-2">
        <li>{t('seen.block', { count: count('devices:write') })}</li>
        <li>{t('seen.wipe', { count: count('devices:wipe') })}</li>
        {policy && <PolicyLines policy={policy} />}
      </ul>
      <h3 className="mt-3">{t('seen.cannot')}</h3>
      <ul className="list-disc pl-5 text-ink-2">
        <li>{t('seen.notElse')}</li>
        <li>{t('seen.notPrevent')}</li>
      </ul>
    </>
  )
}

function PolicyLines({ policy: { document, version } }: { policy: PolicyBundle }) {
  const t = useTranslations('workspace')
  const { data, devices } = document
  return (
    <>
      <li>{t(`seen.forward.${data.forward.mode}`)}</li>
      <li>{t(`seen.download.${data.download.mode}`)}</li>
      <li>{t('seen.printCopy', { print: data.print.mode, copy: data.copy.mode })}</li>
      <li>{t(`seen.screenshot.${data.screenshot.mode}`)}</li>
      <li>{t(`seen.watermark.${data.watermark.mode}`)}</li>
      <li>{t(devices.browser.offlineContent ? 'seen.offline.yes' : 'seen.offline.no')}</li>
      <li>{t('seen.version', { version })}</li>
    </>
  )
}
