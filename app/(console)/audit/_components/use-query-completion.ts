import { type KeyboardEvent, useState } from 'react'
import { useListbox } from '#components/ui/use-listbox.ts'
import {
  type Choice,
  type Completion,
  complete,
  fieldCompletions,
  valueCompletions,
  type Word,
  wordAt,
} from '../_completion.ts'
import { useFoundValues } from './use-found-values.ts'
import { useQueryWords } from './use-query-words.ts'

const MOST_SHOWN = 12
/** So much of a word of the reader's language finds an action without its field. */
const LEAST_OF_WORD = 2

type Options = {
  text: string
  caret: number
  /** The text with a completion in it, and where the caret then stands. */
  onComplete: (next: { text: string; caret: number }) => void
}

/** What could stand at the caret, as a list that arrows walk in; Enter completes only once somebody has walked, else it searches. */
export function useQueryCompletion({ text, caret, onComplete }: Options) {
  const [open, setOpen] = useState(false)
  const [walked, setWalked] = useState(false)
  const { found, ask } = useFoundValues()
  const word = wordAt(text, caret)
  const completions = useCompletions(word, found.field === word.field ? found.values : [], walked)
  const list = useListbox({
    count: completions.length,
    open,
    onOpenChange: setOpen,
    onChoose: (index) => {
      const chosen = completions[index]
      if (chosen) onComplete(complete(text, word, chosen))
    },
  })

  /** Somebody wrote: the list opens on what fits now. */
  function offer(next: string, at: number) {
    setOpen(true)
    setWalked(false)
    list.resetMark()
    const here = wordAt(next, at)
    ask(here.field, here.value)
  }

  function onKeyDown(event: KeyboardEvent) {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') setWalked(true)
    if (event.key === 'Enter' && !walked) return setOpen(false)
    list.inputProps.onKeyDown(event)
  }

  return { completions, list, offer, onKeyDown, isShown: open && completions.length > 0 }
}

/** What could stand at the caret: values of its field, else fields and the actions that its word means. */
function useCompletions({ field, value }: Word, found: readonly Choice[], isAsked: boolean): Completion[] {
  const words = useQueryWords()
  if (field !== null) {
    return valueCompletions(field, value, [...found, ...(words.values[field] ?? [])])
      .filter(({ text }, index, all) => all.findIndex((other) => other.text === text) === index)
      .slice(0, MOST_SHOWN)
  }
  if (value === '' && !isAsked) return []
  const actions = value.length < LEAST_OF_WORD ? [] : valueCompletions('action', value, words.values.action ?? [])
  return [...fieldCompletions(value, words.fieldName), ...actions].slice(0, MOST_SHOWN)
}
