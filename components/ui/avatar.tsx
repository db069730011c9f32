/** The first letters of a name; a Chinese name gives its last two characters. Decoration: the name stands beside or in the label. */
export function Avatar({ name }: { name: string }) {
  return (
    <span
      aria-hidden
      className="grid size-6 shrink-0 place-items-center rounded-full bg-avatar text-[11px] leading-none font-semibold text-ink"
    >
      {initials(name)}
    </span>
  )
}

export function initials(name: string): string {
  const words = name.trim().split(/\s+/)
  const [first = ''] = words
  if (words.length === 1 && /\p{Script=Han}/u.test(first)) return [...first].slice(-2).join('')
  const letters = [words[0], words.length > 1 ? words.at(-1) : undefined].map((word) => [...(word ?? '')][0] ?? '')
  return letters.join('').toUpperCase()
}
