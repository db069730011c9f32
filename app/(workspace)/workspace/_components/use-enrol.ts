'use client'

import { useTranslations } from 'next-intl'
import { useState } from 'react'
import { faultOf } from '../_agent/faults.ts'
import { useWorkspace } from '../_agent/workspace-provider.tsx'

export type EnrolState = { status: 'idle' } | { status: 'busy' } | { status: 'failed'; message: string }

/** Enrols this browser with a code and says in words why it could not. */
export function useEnrol() {
  const t = useTranslations('workspace')
  const { store } = useWorkspace()
  const [state, setState] = useState<EnrolState>({ status: 'idle' })

  function messageOf(error: unknown): string {
    const fault = faultOf(error)
    if (!fault) return t('enrol.failed')
    const reason = fault.serverCode
    if (reason !== 'rate_limited' && (fault.code === 'offline' || fault.code === 'busy')) return t('enrol.offline')
    if (reason === 'enrollment_code_invalid') return t('enrol.wrongCode')
    if (reason === 'device_limit_reached') return t('enrol.limit')
    if (reason === 'wipe_pending') return t('enrol.wipePending')
    if (reason === 'rate_limited') return t('enrol.tooOften')
    if (reason === 'app_version_too_old') return t('hold.too_old.text')
    if (reason === 'policy_denied' || reason === 'forbidden') return t('enrol.forbidden')
    return t('enrol.failed')
  }

  async function enrol(code: string): Promise<boolean> {
    setState({ status: 'busy' })
    try {
      // Typed as it was read out: in groups.
      await store.enroll(code.replace(/\s/g, ''))
      setState({ status: 'idle' })
      return true
    } catch (error) {
      setState({ status: 'failed', message: messageOf(error) })
      return false
    }
  }

  return { state, enrol, fail: (message: string) => setState({ status: 'failed', message }) }
}
