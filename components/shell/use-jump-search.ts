import { useEffect, useRef, useState } from 'react'

export type JumpItem = { kind: string; id: string; title: string; subtitle?: string | null; href: string }
export type JumpSearch = { items: JumpItem[]; status: 'idle' | 'searching' | 'done' | 'failed' }

const DEBOUNCE_MS = 150
const nothing: JumpSearch = { items: [], status: 'idle' }

/** Asks `searchUrl` while the person types; only the newest question may answer. */
export function useJumpSearch(searchUrl: string) {
  const [result, setResult] = useState<JumpSearch>(nothing)
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  const asked = useRef<AbortController>(undefined)

  function cancel() {
    clearTimeout(timer.current)
    asked.current?.abort()
  }

  function search(q: string) {
    cancel()
    if (q.trim() === '') return setResult(nothing)
    setResult((last) => ({ items: last.items, status: 'searching' }))
    timer.current = setTimeout(() => void ask(q.trim()), DEBOUNCE_MS)
  }

  async function ask(q: string) {
    const question = new AbortController()
    asked.current = question
    try {
      const items = await fetchItems(`${searchUrl}?q=${encodeURIComponent(q)}`, question.signal)
      if (!question.signal.aborted) setResult({ items, status: 'done' })
    } catch {
      if (!question.signal.aborted) setResult({ items: [], status: 'failed' })
    }
  }

  // biome-ignore lint/correctness/useExhaustiveDependencies: only leaving the page ends a question
  useEffect(() => cancel, [])
  return { result, search }
}

async function fetchItems(url: string, signal: AbortSignal): Promise<JumpItem[]> {
  const response = await fetch(url, { signal, headers: { accept: 'application/json' } })
  if (!response.ok) throw new Error(`search answered ${response.status}`)
  const body = (await response.json()) as { items: JumpItem[] } // our own route; its type is this one
  return body.items
}
