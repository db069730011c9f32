import { attemptOf, isPoised } from './keys.ts'
import type { KeyEdge, NoticeMeans } from './protocol.ts'

interface PageWatcher {
  /** Ends the watching. */
  signal: AbortSignal
  canPrint: boolean
  noticed(means: NoticeMeans, edge: KeyEdge): void
  poised(isPoised: boolean): void
  /** Ctrl+P: the viewer prints, not the page around it. */
  print(): void
  beforePrint(): void
  away(): void
  here(): void
}

/** Whether this page, or a frame in it, is what the reader looks at. */
export function hasAttention(): boolean {
  return document.visibilityState === 'visible' && document.hasFocus()
}

/** The page around the viewer: the focus may be here when the keys are pressed. Copying here is of the page's own text. */
export function watchPage(watcher: PageWatcher): void {
  const { signal } = watcher
  const onKey = (event: KeyboardEvent) => {
    const edge = event.type === 'keydown' ? 'down' : 'up'
    if (event.key === 'Meta' || event.key === 'Shift') watcher.poised(isPoised(event))
    const attempt = attemptOf(event)
    if (!attempt || event.repeat || attempt === 'copy' || attempt === 'save') return
    if (attempt === 'printscreen') return watcher.noticed(attempt, edge)
    if (edge === 'up') return
    event.preventDefault()
    if (attempt === 'shortcut') watcher.noticed('shortcut', 'none')
    else if (watcher.canPrint) watcher.print()
    else watcher.noticed('print', 'none')
  }
  window.addEventListener('keydown', onKey, { capture: true, signal })
  window.addEventListener('keyup', onKey, { capture: true, signal })
  window.addEventListener('beforeprint', () => watcher.beforePrint(), { signal })
  window.addEventListener('blur', () => watcher.away(), { signal })
  window.addEventListener('focus', () => watcher.here(), { signal })
  document.addEventListener('visibilitychange', () => (hasAttention() ? watcher.here() : watcher.away()), { signal })
}
