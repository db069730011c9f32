'use client'

import { useTranslations } from 'next-intl'
import { Button } from '#components/ui/button.tsx'
import { Card, Panel } from '#components/ui/card.tsx'
import { CopyButton } from '#components/ui/copy-button.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import { Code } from '#components/ui/mono.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { Time } from '#components/ui/time.tsx'
import type { CodeState } from '../actions.ts'

type Made = NonNullable<CodeState['made']>

/** Where the code leads: what the two ways in need to know of this server. */
export type Ways = {
  gatewayUrl: string
  ownCa: boolean
  /** Whether the policy lets browsers enrol. */
  browsers: 'allow' | 'block'
  /** The console answers on this computer alone: no phone can open the link. */
  isLocal: boolean
}

/** The code and what uses it. It is nowhere else: only its hash is kept. */
export function CodeShown({ made, ways, onAnother }: { made: Made; ways: Ways; onAnother: () => void }) {
  const t = useTranslations('devices')
  return (
    <div>
      <Notice tone="ok" announce>
        {t.rich('enrol.shown', { person: made.person, time: () => <Time value={made.expiresAt} /> })}
      </Notice>
      <p className="mt-4 text-center font-mono text-[26px] leading-10 font-semibold tracking-wide max-sm:text-[20px]">
        {made.code}
      </p>
      <p className="mb-4 text-center">
        <CopyButton value={made.code} label={t('enrol.copyCode')} />
      </p>
      <InBrowser made={made} ways={ways} />
      <WithAgent code={made.code} ways={ways} />
      <div className="mt-4 flex flex-wrap gap-2">
        <Button onClick={onAnother}>{t('enrol.another')}</Button>
        <ButtonLink href="/devices">{t('enrol.toDevices')}</ButtonLink>
      </div>
    </div>
  )
}

function InBrowser({ made: { person, link, qrCode }, ways }: { made: Made; ways: Ways }) {
  const t = useTranslations('devices')
  return (
    <Card>
      <Panel title={t('enrol.browserTitle')}>
        {ways.browsers === 'block' ? (
          <p className="text-ink-2">{t('enrol.browserBlocked')}</p>
        ) : (
          <div className="mt-1 flex flex-wrap items-start gap-4">
            {/* biome-ignore lint/performance/noImgElement: a data URI is nothing to optimise */}
            <img
              src={qrCode}
              alt={t('enrol.qr')}
              width={168}
              height={168}
              className="rounded-control border border-line bg-white"
            />
            <div className="min-w-0 flex-1 basis-64">
              <p className="mb-2">{t('enrol.browserText', { person })}</p>
              <Code className="mb-2">{link}</Code>
              <CopyButton value={link} label={t('enrol.copyLink')} />
              {ways.isLocal && <Notice className="mt-3">{t('enrol.localOnly')}</Notice>}
            </div>
          </div>
        )}
      </Panel>
    </Card>
  )
}

const AGENT_DIR = './gatehouse-device'

function WithAgent({ code, ways: { gatewayUrl, ownCa } }: { code: string; ways: Ways }) {
  const t = useTranslations('devices')
  const command = `npx gatehouse-agent enroll --gateway ${gatewayUrl} --code ${code}${ownCa ? ' --ca ca.pem' : ''} --dir ${AGENT_DIR}`
  return (
    <Card className="mt-4">
      <Panel title={t('enrol.agentTitle')}>
        <p className="mb-1 text-ink-2">{t('enrol.commandHint')}</p>
        <Code className="mb-2">{command}</Code>
        {ownCa && <p className="mb-2 text-ink-2">{t('enrol.caHint')}</p>}
        <CopyButton value={command} label={t('enrol.copyCommand')} />
        <p className="mt-3 mb-1 text-ink-2">{t('enrol.runHint')}</p>
        <Code>{`npx gatehouse-agent run --dir ${AGENT_DIR}`}</Code>
      </Panel>
    </Card>
  )
}
