import { type KeyboardEvent, type PointerEvent, useId, useState } from 'react'

type Options = {
  count: number
  open: boolean
  onOpenChange: (open: boolean) => void
  onChoose: (index: number) => void
}

/**
 * The keyboard and the roles of a text field with a list below (ARIA APG, “combobox with listbox popup”): the focus stays
 * in the field, arrows move the mark, Enter chooses, Escape closes. The list stays inside the page's landmarks and hides
 * nothing else from screen readers, which a floating one would.
 */
export function useListbox({ count, open, onOpenChange, onChoose }: Options) {
  const id = useId()
  const [marked, setMarked] = useState(0)
  const active = Math.min(marked, count - 1)
  const shown = open && count > 0

  function move(step: number): boolean {
    if (!open) onOpenChange(true)
    if (count > 0) setMarked(open ? (active + step + count) % count : 0)
    return true
  }

  function choose(): boolean {
    if (shown && active >= 0) onChoose(active)
    return shown
  }

  function close(): boolean {
    if (open) onOpenChange(false)
    return open
  }

  /** True when the key was the list's. */
  function act(key: string): boolean {
    switch (key) {
      case 'ArrowDown':
        return move(1)
      case 'ArrowUp':
        return move(-1)
      case 'Enter':
        return choose()
      case 'Escape':
        return close()
      default:
        return false
    }
  }

  function onKeyDown(event: KeyboardEvent) {
    // Enter also ends the composition of a Chinese word; that one is not ours.
    if (event.nativeEvent.isComposing) return
    if (act(event.key)) event.preventDefault()
  }

  return {
    active,
    resetMark: () => setMarked(0),
    inputProps: {
      role: 'combobox' as const,
      'aria-autocomplete': 'list' as const,
      'aria-expanded': shown,
      'aria-controls': shown ? `${id}-list` : undefined,
      'aria-activedescendant': shown && active >= 0 ? `${id}-${active}` : undefined,
      autoComplete: 'off',
      spellCheck: false,
      onKeyDown,
      onBlur: () => onOpenChange(false),
    },
    listProps: { id: `${id}-list`, role: 'listbox' as const },
    optionProps: (index: number) => ({
      id: `${id}-${index}`,
      role: 'option' as const,
      'aria-selected': index === active,
      onPointerMove: () => setMarked(index),
      // Keeps the focus in the field, so that its blur does not close the list under the finger.
      onPointerDown: (event: PointerEvent) => event.preventDefault(),
      onMouseDown: (event: { preventDefault: () => void }) => event.preventDefault(),
      onClick: () => onChoose(index),
    }),
  }
}
