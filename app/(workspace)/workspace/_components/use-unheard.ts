'use client'

import { useEffect, useState } from 'react'
import { mustHear, UNHEARD_AFTER_MS } from '../_agent/unheard.ts'
import { useEnrolled } from '../_agent/workspace-provider.tsx'

/** True once the server has been silent for too long for what is shown to stay: whoever cut the network keeps no page open by it. */
export function useUnheard(): boolean {
  const { device } = useEnrolled()
  const isLost = device.link === 'lost' && mustHear(device)
  const [isUnheard, setUnheard] = useState(false)
  useEffect(() => {
    if (!isLost) return
    const timer = setTimeout(() => setUnheard(true), UNHEARD_AFTER_MS)
    return () => {
      clearTimeout(timer)
      setUnheard(false)
    }
  }, [isLost])
  return isUnheard
}
