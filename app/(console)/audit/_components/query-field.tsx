import { useTranslations } from 'next-intl'
import { useEffect, useEffectEvent, useRef, useState, useSyncExternalStore } from 'react'
import { cx } from '#components/ui/cx.ts'
import { controlClass } from '#components/ui/input.tsx'
import { wrongSpan } from '../_query-spans.ts'
import { QueryColours } from './query-colours.tsx'
import { QueryCompletions } from './query-completions.tsx'
import { useQueryCompletion } from './use-query-completion.ts'

/** What may be typed: more than the language takes, which says so itself. */
const MOST_LETTERS = 4_000

type Props = {
  text: string
  onText: (text: string) => void
  /** The text that was searched for: a mistake in it is marked at once, in another one when the caret has left it. */
  searched: string
  isWrong: boolean
  describedBy: string
}

/** The text field of the query, in colours, with fields and values to choose from. */
export function QueryField({ text, onText, searched, isWrong, describedBy }: Props) {
  const t = useTranslations('audit')
  const input = useRef<HTMLInputElement>(null)
  const [caret, setCaret] = useState(text.length)
  const { isColoured, composition } = useColoured()
  const { completions, list, offer, onKeyDown, isShown } = useQueryCompletion({ text, caret, onComplete })

  function write(next: string, at: number) {
    onText(next)
    setCaret(at)
    offer(next, at)
  }

  function onComplete(next: { text: string; caret: number }) {
    write(next.text, next.caret)
    input.current?.focus()
    // Once the text is there: React sets the caret to its end.
    requestAnimationFrame(() => input.current?.setSelectionRange(next.caret, next.caret))
  }

  useTextBeforeScripts(input, text, onText)
  const wrong = wrongSpan(text)
  // A link may hold more, which nobody could read in colours either.
  const showsColours = isColoured && text.length <= MOST_LETTERS
  const isUnfinished = text !== searched && wrong !== null && caret >= wrong.start && caret <= wrong.end
  return (
    <span className="relative block min-w-0 flex-1">
      <input
        ref={input}
        name="q"
        type="text"
        // The language is written from left to right, whatever its values are.
        dir="ltr"
        aria-label={t('query.label')}
        aria-describedby={describedBy}
        aria-invalid={isWrong || undefined}
        placeholder={t('query.placeholder')}
        value={text}
        maxLength={MOST_LETTERS}
        onChange={({ currentTarget: { value, selectionStart } }) => write(value, selectionStart ?? value.length)}
        onSelect={(event) => setCaret(event.currentTarget.selectionStart ?? 0)}
        data-page-search
        className={cx(controlClass, 'font-mono sm:text-mono', showsColours && 'caret-ink text-transparent!')}
        {...list.inputProps}
        {...composition}
        onKeyDown={onKeyDown}
      />
      {showsColours && <QueryColours input={input} text={text} wrong={isUnfinished ? null : wrong} />}
      <QueryCompletions completions={completions} list={list} isShown={isShown} />
    </span>
  )
}

const never = () => () => {}

/** Only where scripts draw what is typed, and not while an input method composes: its own marks have the colour of the field's text. */
function useColoured() {
  const isScripted = useSyncExternalStore(
    never,
    () => true,
    () => false,
  )
  const [isComposing, setComposing] = useState(false)
  const composition = { onCompositionStart: () => setComposing(true), onCompositionEnd: () => setComposing(false) }
  return { isColoured: isScripted && !isComposing, composition }
}

/** What somebody typed before the scripts were there stands in the field alone. */
function useTextBeforeScripts(
  input: { readonly current: HTMLInputElement | null },
  text: string,
  onText: (text: string) => void,
) {
  const takeOver = useEffectEvent(() => {
    const typed = input.current?.value
    if (typed !== undefined && typed !== text) onText(typed)
  })
  useEffect(() => takeOver(), [])
}
