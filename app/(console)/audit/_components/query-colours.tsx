import { type RefObject, useLayoutEffect, useRef } from 'react'
import { cx } from '#components/ui/cx.ts'
import { querySpans, type WrongSpan } from '../_query-spans.ts'

const TONES = { language: 'text-accent', value: 'text-violet', plain: '' }

type Props = { input: RefObject<HTMLInputElement | null>; text: string; wrong: WrongSpan | null }

/**
 * The text of the query line in colours, drawn over the field, which then shows everything but its text: what is selected, the caret,
 * what an input method composes. It is scrolled as far as the field is.
 */
export function QueryColours({ input, text, wrong }: Props) {
  const line = useRef<HTMLSpanElement>(null)
  useLayoutEffect(() => {
    const field = input.current
    if (!field) return
    const follow = () => {
      if (line.current) line.current.scrollLeft = field.scrollLeft
    }
    follow()
    field.addEventListener('scroll', follow)
    return () => field.removeEventListener('scroll', follow)
  })
  return (
    <span
      aria-hidden
      dir="ltr"
      className="pointer-events-none absolute inset-0 flex items-center border border-transparent px-2.5 font-mono max-sm:text-[16px] max-sm:leading-6 sm:text-mono forced-colors:hidden"
    >
      <span ref={line} data-query-colours className="min-w-0 flex-1 overflow-hidden whitespace-pre">
        {querySpans(text, wrong).map((span) => (
          <span key={span.start} className={cx(TONES[span.tone], span.isWrong && WRONG)}>
            {span.text}
          </span>
        ))}
        {/* Something is missing at the end. Behind it room, so that this line can be scrolled as far as the field. */}
        <span className={cx("after:content-['_']", wrong?.start === text.length && MISSING)} />
        <span className="inline-block w-[2ch]" />
      </span>
    </span>
  )
}

const WRONG = 'underline decoration-danger decoration-wavy underline-offset-2'
/** A wave as narrow as one blank would not be seen. */
const MISSING = 'underline decoration-2 decoration-danger underline-offset-2'
