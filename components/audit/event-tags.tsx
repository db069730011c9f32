import { Tag } from '../ui/tag.tsx'

/** The action by the name that queries use, cut where there is no room; `words` is the same in the reader's language, as title. */
export function ActionTag({ action, words }: { action: string; words?: string }) {
  return (
    <Tag className="max-w-full overflow-hidden text-ellipsis align-middle" {...(words && { title: words })}>
      {action}
    </Tag>
  )
}

/** Labels of a thing; the sensitive ones in violet. */
export function LabelTags({
  labels,
  sensitive = ['confidential'],
}: {
  labels: readonly string[]
  sensitive?: readonly string[]
}) {
  return (
    <span className="flex flex-wrap gap-1">
      {labels.map((label) => (
        <Tag key={label} tone={sensitive.includes(label) ? 'violet' : 'neutral'}>
          {label}
        </Tag>
      ))}
    </span>
  )
}
