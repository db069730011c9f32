import { attemptOf, isPoised } from '../keys.ts'
import type { KeyEdge, NoticeMeans, ViewerPermissions } from '../protocol.ts'

export interface Watcher {
  noticed(means: NoticeMeans, edge: KeyEdge): void
  poised(isPoised: boolean): void
  away(): void
  here(): void
  /** The reader asks for a printout, by whatever way. */
  print(): void
  leave(): void
}

/** Listens to everything in this window that tells of the content being taken elsewhere. */
export function watchWindow(may: ViewerPermissions, watcher: Watcher): void {
  watchKeys(may, watcher)
  watchClipboard(may, watcher)
  window.addEventListener('beforeprint', () => watcher.noticed('print', 'none'))
  // The menu offers to save and to copy pictures; nobody is accused of opening it.
  window.addEventListener('contextmenu', (event) => event.preventDefault())
  window.addEventListener('blur', () => watcher.away())
  window.addEventListener('focus', () => watcher.here())
  window.addEventListener('pointerdown', () => watcher.here())
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'hidden') watcher.away()
  })
}

function watchKeys(may: ViewerPermissions, watcher: Watcher): void {
  const onKey = (event: KeyboardEvent) => {
    const edge = event.type === 'keydown' ? 'down' : 'up'
    watcher.poised(isPoised(event))
    const attempt = attemptOf(event)
    if (edge === 'down' && event.key === 'Escape') return watcher.leave()
    if (!attempt || event.repeat) return
    if (attempt === 'printscreen') return watcher.noticed(attempt, edge)
    if (edge === 'up') return
    if (attempt !== 'copy' || !may.copy) event.preventDefault()
    if (attempt === 'print') watcher.print()
    // Where copying is allowed, the event tells whether there was anything to copy.
    else if (attempt === 'copy' && !may.copy) watcher.noticed('copy', 'none')
    else if (attempt === 'shortcut') watcher.noticed('shortcut', 'none')
  }
  window.addEventListener('keydown', onKey, { capture: true })
  window.addEventListener('keyup', onKey, { capture: true })
}

function watchClipboard(may: ViewerPermissions, watcher: Watcher): void {
  for (const kind of ['copy', 'cut'] as const) {
    document.addEventListener(kind, (event) => {
      if (!may.copy) event.preventDefault()
      if (!may.copy || document.getSelection()?.isCollapsed === false) watcher.noticed('copy', 'none')
    })
  }
  document.addEventListener('dragstart', (event) => {
    if (!may.copy) event.preventDefault()
    watcher.noticed('drag', 'none')
  })
}
