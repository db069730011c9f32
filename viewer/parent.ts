import { createNoticeGate } from './notice-gate.ts'
import { createFrame, fetchWorker } from './parent-frame.ts'
import { hasAttention, watchPage } from './parent-watch.ts'
import {
  type FromFrame,
  isHello,
  type KeyEdge,
  type Notice,
  type NoticeMeans,
  type ToFrame,
  VIEWER_PROTOCOL,
  type ViewerContent,
  type ViewerFailure,
  type ViewerSettings,
  type ViewerTheme,
  type Welcome,
} from './protocol.ts'

/** A frame that has not said hello by then could not be loaded. */
const HELLO_PATIENCE_MS = 20_000
/** By then every part of a browser knows which one has the focus. */
const FOCUS_SETTLES_MS = [60, 300]

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
  const frame = createFrame(settings)
  const accept = createNoticeGate()
  const waiting: { message: ToFrame; transfer: Transferable[] }[] = []
  let port: MessagePort | null = null
  let page = 0
  let isCovered = false
  let isPrinting = false
  let isAway = false
  let isOver = false
  let shownFrom = 0

  function send(message: ToFrame, transfer: Transferable[] = []): void {
    if (port) port.postMessage(message, transfer)
    else waiting.push({ message, transfer })
  }

  function fail(reason: ViewerFailure): void {
    if (isOver || signal.aborted) return
    isOver = true
    events.onFailed(reason)
  }

  function report(notice: Notice, edge: KeyEdge): void {
    if (accept(notice.means, edge, performance.now())) events.onNoticed(notice)
  }

  /** What this window sees itself. */
  function noticedHere(means: NoticeMeans, edge: KeyEdge): void {
    const isBlank = means === 'print' && !settings.may.print
    report({ means, page, obscured: isCovered || isBlank }, edge)
    if (means === 'printscreen' || means === 'shortcut') send({ type: 'captured' })
  }

  /** The focus has left one of the two windows; it is lost when it is in neither. */
  function checkAttention(notice: Notice): void {
    if (isAway || isPrinting || !port) return
    const look = () => {
      if (signal.aborted || isAway) return
      if (hasAttention()) return send({ type: 'attention', isHere: true })
      isAway = true
      send({ type: 'attention', isHere: false })
      report(notice, 'none')
    }
    if (!hasAttention()) look()
    else for (const ms of FOCUS_SETTLES_MS) setTimeout(look, ms)
  }

  function here(): void {
    isAway = false
    send({ type: 'attention', isHere: true })
  }

  function receive(message: FromFrame): void {
    switch (message.type) {
      case 'shown':
        events.onShown?.({ pages: message.pages, firstPageMs: performance.now() - shownFrom })
        break
      case 'failed':
        fail(message.reason)
        break
      case 'page':
        page = message.page
        events.onPage?.(page)
        break
      case 'covered':
        isCovered = message.isCovered
        if (!isCovered) isAway = false
        break
      case 'away':
        checkAttention(message.notice)
        break
      case 'noticed':
        report(message.notice, message.edge)
        break
      case 'printing':
        isPrinting = message.isPrinting
        break
      case 'leave':
        events.onLeave?.()
        break
    }
  }

  function welcome(event: MessageEvent): void {
    // The frame has no origin to compare; that it is this very window says more.
    if (port || event.source !== frame.contentWindow || !isHello(event.data)) return
    const channel = new MessageChannel()
    port = channel.port1
    port.onmessage = ({ data }: MessageEvent<FromFrame>) => receive(data)
    const answer: Welcome = { protocol: VIEWER_PROTOCOL, type: 'welcome', settings }
    // An opaque origin can be addressed by `*` alone. What is said here is no secret; the file goes over the port.
    frame.contentWindow?.postMessage(answer, '*', [channel.port2])
    for (const { message, transfer } of waiting.splice(0)) send(message, transfer)
  }

  window.addEventListener('message', welcome, { signal })
  const patience = setTimeout(() => port || fail('frame'), HELLO_PATIENCE_MS)
  signal.addEventListener('abort', () => clearTimeout(patience))
  watchPage({
    signal,
    canPrint: settings.may.print,
    noticed: noticedHere,
    poised: (isPoised) => send({ type: 'poised', isPoised }),
    print: () => send({ type: 'print' }),
    beforePrint: () => isPrinting || noticedHere('print', 'none'),
    away: () => checkAttention({ means: 'focus_lost', page, obscured: isCovered }),
    here,
  })
  fetchWorker(signal).then((pdfWorker) => send({ type: 'warm', pdfWorker }))
  host.append(frame)

  return {
    frame,
    show(content) {
      shownFrom = performance.now()
      // Nothing in it, or given away before.
      if (content.bytes.byteLength === 0) fail('empty')
      else send({ type: 'show', content }, [content.bytes])
    },
    withhold: (withheld) => send({ type: 'withhold', withheld }),
    setWatermark: (text) => send({ type: 'watermark', text }),
    setTheme: (theme) => send({ type: 'theme', theme }),
    print: () => send({ type: 'print' }),
    dispose() {
      ending.abort()
      port?.close()
      waiting.length = 0
      frame.remove()
    },
  }
}
