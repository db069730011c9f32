'use client'

import { useTranslations } from 'next-intl'
import type { ReactNode } from 'react'
import { Button } from '#components/ui/button.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { ErrorState, SkeletonRows, StateBlock } from '#components/ui/states.tsx'
import { useWorkspace } from '../_agent/workspace-provider.tsx'
import { EnrolPrompt } from './enrol-prompt.tsx'
import { ErasedScreen } from './erased-screen.tsx'
import { HoldScreen } from './hold-screen.tsx'

export type SignedInPerson = { name: string; organisation: string }

type Props = {
  /** Who is signed in on the console, and may enrol by that; null for nobody. */
  person: SignedInPerson | null
  /** Also while the device is held: a page that shows no content. */
  evenHeld?: boolean
  children: ReactNode
}

/** What is inside only while this browser is a device that is served; else what is the case, and what to do. */
export function WhenServed({ person, evenHeld = false, children }: Props) {
  const { view } = useWorkspace()
  switch (view.phase) {
    case 'opening':
      return <Opening />
    case 'unsupported':
      return <Unsupported />
    case 'keyless':
      return <Keyless />
    case 'new':
      return <EnrolPrompt person={person} />
    case 'erased':
      return <ErasedScreen tombstone={view.tombstone} />
    case 'enrolled':
      if (view.hold && !evenHeld) return <HoldScreen hold={view.hold} detail={view.detail} deviceName={view.name} />
      return (
        <>
          <LinkNotice />
          {children}
        </>
      )
  }
}

function Opening() {
  return (
    <div className="mx-auto w-full max-w-3xl px-4 pt-5">
      <SkeletonRows rows={6} />
    </div>
  )
}

function Unsupported() {
  const t = useTranslations('workspace')
  const common = useTranslations('common')
  const { store } = useWorkspace()
  return (
    <ErrorState
      whole
      title={t('unsupported.title')}
      text={t('unsupported.text')}
      action={<Button onClick={() => void store.retry()}>{common('retry')}</Button>}
    />
  )
}

/** A copy of somebody's storage, or what is left of our own: nothing opens with it. */
function Keyless() {
  const t = useTranslations('workspace')
  const { store } = useWorkspace()
  return (
    <StateBlock
      whole
      role="alert"
      tone="danger"
      title={t('keyless.title')}
      text={t('keyless.text')}
      action={<Button onClick={() => void store.leave()}>{t('keyless.startOver')}</Button>}
    />
  )
}

/** The network is gone, or something else is wrong that needs saying. */
function LinkNotice() {
  const t = useTranslations('workspace')
  const { view } = useWorkspace()
  if (view.phase !== 'enrolled') return null
  return (
    <div role="status" className="mx-auto w-full max-w-3xl px-4 empty:hidden">
      {view.link === 'lost' && <Notice className="mt-3">{t('link.lost')}</Notice>}
      {view.problem && (
        <Notice tone="danger" className="mt-3">
          {t('link.problem', { detail: view.problem.detail })}
        </Notice>
      )}
    </div>
  )
}
