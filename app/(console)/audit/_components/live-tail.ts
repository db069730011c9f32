import { useEffect, useEffectEvent, useRef, useState, useSyncExternalStore } from 'react'
import { listenLive } from '#components/shell/live-stream.ts'
import type { LogSession } from '../_log-session.ts'

export type LiveTail = {
  /** Oldest first has its new events at the far end. */
  isOffered: boolean
  isOn: boolean
  /** Somebody reads further down, or stands in the rows: what comes waits. */
  isPaused: boolean
  isLost: boolean
  setOn: (isOn: boolean) => void
}

/** A busy log is looked at again this often at most, a slow search more rarely. */
const LEAST_GAP_MS = 1_000
const GAP_PER_TAKEN = 5
/** So far down, somebody reads. */
const READING_PX = 240

type Options = { session: LogSession; url: string; isOffered: boolean; isReading: boolean }

/** New events as they are recorded: on top at once, or waiting while somebody reads. */
export function useLiveTail({ session, url, isOffered, isReading }: Options): LiveTail {
  const [isOn, setOn] = useState(true)
  const [isLost, setLost] = useState(false)
  const isScrolled = useIsScrolled()
  const isPaused = isScrolled || isReading
  const look = useLook(session)
  const isListening = isOn && isOffered

  const onChange = useEffectEvent(look)
  useEffect(() => {
    if (!isListening) return
    return listenLive({ url, names: [], onChange: () => onChange(), onLost: setLost })
  }, [url, isListening])

  const { waiting } = useSyncExternalStore(session.subscribe, session.getState, session.getState)
  const showsAtOnce = isListening && !isPaused && waiting.length > 0
  useEffect(() => {
    if (showsAtOnce) session.showWaiting()
  }, [showsAtOnce, session])

  return { isOffered, isOn, isPaused, isLost: isLost && isListening, setOn }
}

/** Looks for newer events, one look at a time; what changes meanwhile is looked at in one more. */
function useLook(session: LogSession): () => void {
  const state = useRef({ isLooking: false, isDue: false })
  useEffect(() => {
    const here = state.current
    return () => {
      here.isDue = false
    }
  }, [])
  return function look() {
    const here = state.current
    here.isDue = true
    if (here.isLooking) return
    here.isLooking = true
    void (async () => {
      while (here.isDue) {
        here.isDue = false
        const startedAt = performance.now()
        await session.catchUp()
        const gapMs = Math.max(LEAST_GAP_MS, GAP_PER_TAKEN * (performance.now() - startedAt))
        await new Promise((resolve) => setTimeout(resolve, gapMs))
      }
      here.isLooking = false
    })()
  }
}

function useIsScrolled(): boolean {
  return useSyncExternalStore(
    (changed) => {
      window.addEventListener('scroll', changed, { passive: true })
      return () => window.removeEventListener('scroll', changed)
    },
    () => window.scrollY > READING_PX,
    () => false,
  )
}
