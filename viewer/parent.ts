import { createAttention } from './attention.ts'
import { createNoticeGate } from './notice-gate.ts'
import { createLink } from './parent-link.ts'
import { watchPage } from './parent-watch.ts'
import type {
  KeyEdge,
  Notice,
  NoticeMeans,
  ViewerContent,
  ViewerFailure,
  ViewerSettings,
  ViewerTheme,
} from './protocol.ts'
import { takeSpare } from './spare.ts'

/** A frame that has not said hello by then could not be loaded. */
const HELLO_PATIENCE_MS = 20_000

export interface ViewerEvents {
  onNoticed(notice: Notice): void
  /** The first page is on the screen, so long after its bytes were given. */
  onShown?(shown: { pages: number; firstPageMs: number }): void
  /** Nothing is shown, and why. */
  onFailed(reason: ViewerFailure): void
  onPage?(page: number): void
  /** Escape was pressed inside: the focus belongs to the page again. */
  onLeave?(): void
}

export interface Viewer {
  readonly frame: HTMLIFrameElement
  /** Once; `content.bytes` is handed over and empty afterwards. */
  show(content: ViewerContent): void
  withhold(withheld: boolean): void
  setWatermark(text: string): void
  setTheme(theme: ViewerTheme): void
  /** The viewer's own printing; nothing where it is not allowed. */
  print(): void
  /** Removes the frame, and with it all that it held. */
  dispose(): void
}

/**
 * Puts the viewer's frame into `host` and gets it ready; the file may come later.
 * `settings.may` holds for the frame's life: printing needs a permission that a frame cannot be given later.
 */
export function openViewer(host: HTMLElement, settings: ViewerSettings, events: ViewerEvents): Viewer {
  const ending = new AbortController()
  const { signal } = ending
  const { may, labels } = settings
  const link = takeSpare(host, may.print) ?? createLink(host, may.print)
  const accept = createNoticeGate()
  const state = { page: 0, isCovered: false, isPrinting: false, isOver: false, shownFrom: 0 }

  function fail(reason: ViewerFailure): void {
    if (state.isOver || signal.aborted) return
    state.isOver = true
    events.onFailed(reason)
  }

  function report(notice: Notice, edge: KeyEdge): void {
    if (accept(notice.means, edge, performance.now())) events.onNoticed(notice)
  }

  const attention = createAttention({
    signal,
    frame: link.frame,
    tell: (isHere) => link.send({ type: 'attention', isHere }),
    report: (notice) => report(notice, 'none'),
  })

  /** What this window sees itself. */
  function noticedHere(means: NoticeMeans, edge: KeyEdge): void {
    const isBlank = means === 'print' && !may.print
    report({ means, page: state.page, obscured: state.isCovered || isBlank }, edge)
    if (means === 'printscreen' || means === 'shortcut') link.send({ type: 'captured' })
  }

  function left(notice: Notice): void {
    // Before the frame is there nothing can be taken; its print dialogue takes the focus.
    if (link.isOpen() && !state.isPrinting) attention.left(notice)
  }

  link.listen((message) => {
    switch (message.type) {
      case 'shown':
        events.onShown?.({ pages: message.pages, firstPageMs: performance.now() - state.shownFrom })
        break
      case 'failed':
        fail(message.reason)
        break
      case 'page':
        state.page = message.page
        events.onPage?.(message.page)
        break
      case 'covered':
        state.isCovered = message.isCovered
        if (!message.isCovered) attention.seen()
        break
      case 'away':
        left(message.notice)
        break
      case 'noticed':
        report(message.notice, message.edge)
        break
      case 'printing':
        state.isPrinting = message.isPrinting
        break
      case 'leave':
        events.onLeave?.()
        break
    }
  })
  watchPage({
    signal,
    canPrint: may.print,
    noticed: noticedHere,
    poised: (isPoised) => link.send({ type: 'poised', isPoised }),
    print: () => link.send({ type: 'print' }),
    beforePrint: () => state.isPrinting || noticedHere('print', 'none'),
    away: () => left({ means: 'focus_lost', page: state.page, obscured: state.isCovered }),
    here: () => attention.returned(),
  })
  const patience = setTimeout(() => link.isOpen() || fail('frame'), HELLO_PATIENCE_MS)
  signal.addEventListener('abort', () => clearTimeout(patience))
  link.frame.title = labels.title
  link.send({ type: 'configure', settings })

  return {
    frame: link.frame,
    show(content) {
      state.shownFrom = performance.now()
      // Nothing in it, or given away before.
      if (content.bytes.byteLength === 0) fail('empty')
      else link.send({ type: 'show', content }, [content.bytes])
    },
    withhold: (withheld) => link.send({ type: 'withhold', withheld }),
    setWatermark: (text) => link.send({ type: 'watermark', text }),
    setTheme: (theme) => link.send({ type: 'theme', theme }),
    print: () => link.send({ type: 'print' }),
    dispose() {
      ending.abort()
      link.close()
    },
  }
}
