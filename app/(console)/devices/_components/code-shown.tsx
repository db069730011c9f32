'use client'

import { useTranslations } from 'next-intl'
import { Button } from '#components/ui/button.tsx'
import { CopyButton } from '#components/ui/copy-button.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import { Code } from '#components/ui/mono.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { Time } from '#components/ui/time.tsx'
import type { CodeState } from '../actions.ts'

type Props = { made: NonNullable<CodeState['made']>; gatewayUrl: string; ownCa: boolean; onAnother: () => void }

/** The code and the line that uses it. It is nowhere else: only its hash is kept. */
export function CodeShown({ made, gatewayUrl, ownCa, onAnother }: Props) {
  const t = useTranslations('devices')
  const command = `npx gatehouse-agent enroll --gateway ${gatewayUrl} --code ${made.code}${ownCa ? ' --ca ca.pem' : ''} --dir ./gatehouse-device`
  return (
    <div>
      <Notice tone="ok" announce>
        {t.rich('enrol.shown', { person: made.person, time: () => <Time value={made.expiresAt} /> })}
      </Notice>
      <p className="my-4 text-center font-mono text-[26px] leading-10 font-semibold tracking-wide max-sm:text-[20px]">
        {made.code}
      </p>
      <p className="mb-1 text-ink-2">{t('enrol.commandHint')}</p>
      <Code>{command}</Code>
      {ownCa && <p className="mt-1 text-ink-2">{t('enrol.caHint')}</p>}
      <div className="mt-3 flex flex-wrap gap-2">
        <CopyButton value={made.code} label={t('enrol.copyCode')} />
        <CopyButton value={command} label={t('enrol.copyCommand')} />
        <Button onClick={onAnother}>{t('enrol.another')}</Button>
        <ButtonLink href="/devices">{t('enrol.toDevices')}</ButtonLink>
      </div>
    </div>
  )
}
