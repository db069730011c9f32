'use client'

import { useRouter } from 'next/navigation'
import { useTranslations } from 'next-intl'
import { useEffect, useState } from 'react'
import { Button } from '#components/ui/button.tsx'
import { Card, Panel } from '#components/ui/card.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { StateBlock } from '#components/ui/states.tsx'
import { useWorkspace } from '../_agent/workspace-provider.tsx'
import { EnrolPrompt, WhatItMeans } from './enrol-prompt.tsx'
import { useEnrol } from './use-enrol.ts'
import { WhenServed } from './when-served.tsx'

/** The code of the link, taken out of the address bar and its history at once: nobody reads it over a shoulder or later. */
function useCodeOfLink(): string | null {
  const [code, setCode] = useState<string | null>(null)
  // The fragment is the browser's alone: it is not there while the server draws.
  useEffect(() => {
    const take = () => {
      const found = new URLSearchParams(window.location.hash.slice(1)).get('code')
      if (!found) return
      window.history.replaceState(null, '', window.location.pathname)
      setCode(found)
    }
    // Next follows the history from an effect of its own that runs after this one: what it did not see it would write back.
    const timer = setTimeout(take)
    window.addEventListener('hashchange', take)
    return () => {
      clearTimeout(timer)
      window.removeEventListener('hashchange', take)
    }
  }, [])
  return code
}

export function EnrolByLink() {
  const code = useCodeOfLink()
  const { view } = useWorkspace()
  if (view.phase === 'enrolled') return <Already />
  if (view.phase !== 'new') return <WhenServed person={null}>{null}</WhenServed>
  return code ? <Offered code={code} /> : <EnrolPrompt person={null} />
}

function Offered({ code }: { code: string }) {
  const t = useTranslations('workspace')
  const router = useRouter()
  const { state, enrol } = useEnrol()
  async function start() {
    if (state.status !== 'busy' && (await enrol(code))) router.replace('/workspace')
  }
  return (
    <div className="mx-auto w-full max-w-xl px-4 pt-6">
      <h1>{t('enrol.title')}</h1>
      <p className="mt-1 mb-4 text-ink-2">{t('enrol.offered')}</p>
      <Card>
        <Panel>
          {state.status === 'failed' && (
            <Notice tone="danger" announce className="mb-3">
              {state.message}
            </Notice>
          )}
          <Button variant="primary" size="large" onClick={() => void start()}>
            {state.status === 'busy' ? t('enrol.busy') : t('enrol.submit')}
          </Button>
        </Panel>
      </Card>
      <WhatItMeans />
    </div>
  )
}

function Already() {
  const t = useTranslations('workspace')
  return (
    <StateBlock
      whole
      title={t('enrol.already.title')}
      text={t('enrol.already.text')}
      action={
        <ButtonLink href="/workspace" variant="primary">
          {t('nav.files')}
        </ButtonLink>
      }
    />
  )
}
