import { type Series, toneColor } from './series.ts'

/** Which colour is what. Hidden from screen readers: the figures beside the picture name everything. */
export function Legend({ items }: { items: Series[] }) {
  return (
    <div aria-hidden className="mt-1 flex flex-wrap gap-x-4 gap-y-1 text-tiny text-ink-2">
      {items.map((item) => (
        <span key={item.key} className="inline-flex items-center gap-1.5">
          <Swatch color={toneColor[item.tone]} />
          {item.label}
        </span>
      ))}
    </div>
  )
}

export function Swatch({ color }: { color: string }) {
  return <span aria-hidden className="inline-block size-2.5 shrink-0 rounded-sm" style={{ background: color }} />
}
