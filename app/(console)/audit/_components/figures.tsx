'use client'

import { createContext, type ReactNode, use, useEffect, useEffectEvent, useRef, useState } from 'react'
import type { Facets, Histogram } from '#server/audit/schema.ts'
import type { LogAsk } from '../_log-session.ts'

/** The counts of a search. Null until they are there; `slow` where counting takes too long. */
type Figures = { histogram: Histogram | 'slow' | null; facets: Facets | 'slow' | null }

const none: Figures = { histogram: null, facets: null }
const FiguresContext = createContext<Figures & { refresh: () => void }>({ ...none, refresh: () => {} })

/** The counts of the search around. */
export function useFigures(): Figures {
  return use(FiguresContext)
}

const BARS = '84'
const FACETS = 'action,outcome,actor,device,label,source'
/** While the log grows, the counts follow this often at most. */
const FRESH_MS = 10_000

/** Counts a search beside its list; whoever comes back to it sees the last counts until there are new ones. */
export function CountedSearch({ name, ask, children }: { name: string; ask: LogAsk; children: ReactNode }) {
  const [figures, setFigures] = useState<Figures>(none)
  const count = useEffectEvent(async (signal: AbortSignal) => {
    const show = (changes: Partial<Figures>) => {
      if (!signal.aborted) setFigures((last) => ({ ...last, ...changes }))
    }
    await Promise.all([
      fetchFigure<Histogram>('histogram', { ...ask, buckets: BARS }, signal).then((histogram) => show({ histogram })),
      fetchFigure<Facets>('facets', { ...ask, fields: FACETS }, signal).then((facets) => show({ facets })),
    ])
  })
  const [round, setRound] = useState(0)
  // biome-ignore lint/correctness/useExhaustiveDependencies: another search and another round are counted anew
  useEffect(() => {
    const control = new AbortController()
    void count(control.signal)
    return () => control.abort()
  }, [name, round])
  return <FiguresContext value={{ ...figures, refresh: () => setRound((last) => last + 1) }}>{children}</FiguresContext>
}

/** Counts anew when the newest event of the list is another one. */
export function useFreshFigures(newest: number | undefined) {
  const { refresh } = use(FiguresContext)
  const counted = useRef({ newest, at: 0 })
  const again = useEffectEvent(() => {
    counted.current = { newest, at: Date.now() }
    refresh()
  })
  useEffect(() => {
    const { newest: before, at } = counted.current
    if (before === undefined) counted.current.newest = newest
    if (before === undefined || newest === undefined || newest <= before) return
    const timer = setTimeout(again, Math.max(0, at + FRESH_MS - Date.now()))
    return () => clearTimeout(timer)
  }, [newest])
}

type Asked = Pick<LogAsk, 'q' | 'from' | 'to'> & { buckets?: string; fields?: string }

/** The API's own answer. What fails is told as not counted: the list beside it says what is the matter. */
async function fetchFigure<F>(figure: string, asked: Asked, signal: AbortSignal): Promise<F | 'slow'> {
  const query = new URLSearchParams()
  for (const name of ['q', 'from', 'to', 'buckets', 'fields'] as const) if (asked[name]) query.set(name, asked[name])
  try {
    const response = await fetch(`/api/v1/audit/${figure}?${query}`, { signal })
    return response.ok ? ((await response.json()) as F) : 'slow' // our own API; its types are these
  } catch {
    return 'slow'
  }
}
