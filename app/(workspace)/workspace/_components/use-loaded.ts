'use client'

import { useEffect, useState } from 'react'
import { type AgentFault, faultOf } from '../_agent/faults.ts'

export type Loaded<T> =
  | { state: 'loading' }
  | { state: 'ready'; value: T }
  | { state: 'failed'; fault: AgentFault | null }

/** What the device asks the server for when it is shown; `again` asks anew. `load` may change with every drawing: it is asked once a key. */
export function useLoaded<T>(load: () => Promise<T>, key: string): { loaded: Loaded<T>; again: () => void } {
  const [turn, setTurn] = useState(0)
  const [loaded, setLoaded] = useState<Loaded<T>>({ state: 'loading' })
  // Content comes by the device's keys, which only the browser has: the server cannot draw it.
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new key or turn is a new question
  useEffect(() => {
    let isWanted = true
    setLoaded({ state: 'loading' })
    load().then(
      (value) => isWanted && setLoaded({ state: 'ready', value }),
      (error: unknown) => isWanted && setLoaded({ state: 'failed', fault: faultOf(error) }),
    )
    return () => {
      isWanted = false
    }
  }, [key, turn])
  return { loaded, again: () => setTurn((now) => now + 1) }
}
