/** The letters of a name in a disc. Drawn by the style sheet: the name itself stands beside it or is the button's label. */
export function Avatar({ name }: { name: string }) {
  return (
    <span
      aria-hidden
      data-initials={initials(name)}
      className="grid size-6 shrink-0 place-items-center rounded-full bg-avatar text-[11px] leading-none font-semibold text-ink before:content-[attr(data-initials)]"
    />
  )
}

/** First letters of the first and last word; of a Chinese name its last character, which tells people apart. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/)
  const [first = ''] = words
  if (/\p{Script=Han}/u.test(first)) return [...name.trim()].at(-1) ?? ''
  const letters = [first, words.length > 1 ? words.at(-1) : undefined].map((word) => [...(word ?? '')][0] ?? '')
  return letters.join('').toUpperCase()
}
