import { useTranslations } from 'next-intl'
import type { useListbox } from '#components/ui/use-listbox.ts'
import type { Completion } from '../_completion.ts'

type Props = { completions: readonly Completion[]; list: ReturnType<typeof useListbox>; isShown: boolean }

/** Below the query line: what could stand at its caret. */
export function QueryCompletions({ completions, list, isShown }: Props) {
  const t = useTranslations('audit')
  return (
    <span
      className={`absolute inset-x-0 top-full z-30 mt-1 max-h-72 overflow-y-auto rounded-card border border-line bg-surface py-1 shadow-pop ${isShown ? 'block' : 'hidden'}`}
    >
      {isShown && (
        <ul {...list.listProps} aria-label={t('query.suggestions')}>
          {completions.map((item, index) => (
            <li
              key={item.text}
              {...list.optionProps(index)}
              className="flex cursor-pointer items-baseline gap-3 px-2.5 py-1 aria-selected:bg-accent-soft max-md:min-h-11"
            >
              <span className="min-w-0 truncate">{item.name}</span>
              {item.hint && <span className="min-w-0 truncate text-ink-2">{item.hint}</span>}
              <span className="ml-auto max-w-1/2 shrink-0 truncate font-mono text-mono text-ink-3">{item.text}</span>
            </li>
          ))}
        </ul>
      )}
    </span>
  )
}
