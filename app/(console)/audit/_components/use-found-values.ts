import { useEffect, useRef, useState } from 'react'
import type { QueryField } from '#protocol/audit/query.ts'
import type { Choice } from '../_completion.ts'

const DEBOUNCE_MS = 150
/** Fields whose values only the server knows. */
const ASKED: ReadonlySet<string> = new Set(['actor', 'device', 'target', 'label', 'policy', 'source'])

/** Values that the server knows, while somebody types; only the newest question may answer. */
export function useFoundValues() {
  const [found, setFound] = useState<{ field: QueryField | null; values: readonly Choice[] }>({
    field: null,
    values: [],
  })
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  const asked = useRef<AbortController>(undefined)

  function cancel() {
    clearTimeout(timer.current)
    asked.current?.abort()
  }

  function ask(field: QueryField | null, text: string) {
    cancel()
    if (field !== found.field) setFound({ field, values: [] })
    if (field === null || !ASKED.has(field)) return
    const question = new AbortController()
    asked.current = question
    timer.current = setTimeout(async () => {
      const values = await fetchValues(field, text, question.signal)
      if (!question.signal.aborted) setFound({ field, values })
    }, DEBOUNCE_MS)
  }

  // biome-ignore lint/correctness/useExhaustiveDependencies: only leaving the page ends a question
  useEffect(() => cancel, [])
  return { found, ask }
}

/** Completion is a help: where the server does not answer, there is none, and the query can be typed. */
async function fetchValues(field: string, q: string, signal: AbortSignal): Promise<Choice[]> {
  try {
    const response = await fetch(`/audit/complete?${new URLSearchParams({ field, q })}`, { signal })
    return response.ok ? ((await response.json()) as { items: Choice[] }).items : [] // our own route
  } catch {
    return []
  }
}
