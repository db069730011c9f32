'use client'

import { type ComponentProps, type KeyboardEvent, type ToggleEvent, useEffect, useRef } from 'react'

/**
 * A form that opens below its button and lies over the page: a `details` that also closes by Escape and by a press beside it, and puts
 * the cursor into its first field. Without scripts it opens and closes by its button.
 */
export function Popout(props: Omit<ComponentProps<'details'>, 'ref' | 'onKeyDown' | 'onToggle'>) {
  const box = useRef<HTMLDetailsElement>(null)
  useEffect(() => {
    const closeBeside = (event: PointerEvent) => {
      if (box.current && event.target instanceof Node && !box.current.contains(event.target)) box.current.open = false
    }
    document.addEventListener('pointerdown', closeBeside)
    return () => document.removeEventListener('pointerdown', closeBeside)
  }, [])
  return <details {...props} ref={box} onKeyDown={closeByEscape} onToggle={enter} />
}

function closeByEscape(event: KeyboardEvent<HTMLDetailsElement>) {
  // A list of names that is open in the form closes first.
  if (event.key !== 'Escape' || event.defaultPrevented || !event.currentTarget.open) return
  event.preventDefault()
  event.currentTarget.open = false
  event.currentTarget.querySelector('summary')?.focus()
}

function enter({ currentTarget, newState }: ToggleEvent<HTMLDetailsElement>) {
  // A finger that only looks would get a keyboard over half of the page.
  if (newState !== 'open' || !window.matchMedia('(pointer: fine)').matches) return
  currentTarget.querySelector<HTMLElement>('input:not([type=hidden]), select, textarea')?.focus()
}
