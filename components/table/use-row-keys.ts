import { useRef } from 'react'
import { isCovered, isTyping, usePageKeys } from '../shell/hotkeys.ts'

/** j and k walk through the rows' links, x ticks the row; Enter is the link's own. Put the ref around the rows. */
export function useRowKeys() {
  const container = useRef<HTMLDivElement>(null)
  usePageKeys((event) => {
    if (event.metaKey || event.ctrlKey || event.altKey || isTyping(event.target) || isCovered()) return false
    if (event.key === 'j' || event.key === 'k') return move(container.current, event.key === 'j' ? 1 : -1)
    if (event.key === 'x') return tick(container.current)
    return false
  })
  return container
}

function visibleRows(container: HTMLElement | null): HTMLElement[] {
  // Both layouts are in the page; the one on the screen has a box.
  return [...(container?.querySelectorAll<HTMLElement>('[data-row]') ?? [])].filter((row) => row.offsetParent !== null)
}

function move(container: HTMLElement | null, step: 1 | -1): boolean {
  const rows = visibleRows(container)
  const here = rows.findIndex((row) => row.contains(document.activeElement))
  const start = here === -1 ? rows.findIndex((row) => row.ariaCurrent === 'true') : here
  const next = rows[Math.min(rows.length - 1, Math.max(0, start + step))]
  const target =
    next?.querySelector<HTMLElement>('[data-row-link]') ?? next?.querySelector<HTMLElement>('[data-row-tick]')
  target?.focus()
  return next !== undefined
}

function tick(container: HTMLElement | null): boolean {
  const row = visibleRows(container).find((candidate) => candidate.contains(document.activeElement))
  const box = row?.querySelector<HTMLInputElement>('[data-row-tick]')
  box?.click()
  return box !== null && box !== undefined
}
