import type { ViewerContent, ViewerSettings } from '../protocol.ts'
import { ViewerError } from './failure.ts'
import { createPageList, type PageList } from './page-list.ts'
import type { PageSource } from './page-source.ts'
import type { PdfEngine } from './pdf.ts'
import { openPicture } from './picture.ts'
import { MAX_PRINTED_PAGES, printPages } from './print.ts'
import { openSheet, type Sheet } from './sheet.ts'
import { createToolbar, fill } from './toolbar.ts'
import { createZoom, type Zoom } from './zoom.ts'

/** Width in CSS pixels of a sheet of text at 100 %. */
const SHEET_WIDTH = 760

export interface Stage {
  readonly element: HTMLElement
  /**
   * Shows a file and resolves with its number of pages when the first one is on the screen.
   * @throws ViewerError
   */
  show(content: ViewerContent, engine: PdfEngine): Promise<number>
  fail(): void
  page(): number
  hide(isHidden: boolean): void
  focus(): void
  setWatermark(text: string): void
  print(): void
  /** Stops a printing whose dialogue is not open yet. */
  stopPrinting(): void
  isPrinting(): boolean
}

interface StageEvents {
  onPage(page: number): void
  onPrinting(isPrinting: boolean): void
  onPrintAsked(): void
}

/** Toolbar and content. */
export function createStage(settings: ViewerSettings, events: StageEvents): Stage {
  const { labels, may } = settings
  let { watermark } = settings
  let page = 0
  let source: PageSource | null = null
  let list: PageList | null = null
  let sheet: Sheet | null = null
  let zoom: Zoom | null = null
  let printing: AbortController | null = null

  const element = document.createElement('div')
  element.className = 'stage'
  const scroller = document.createElement('div')
  scroller.className = 'scroller'
  scroller.setAttribute('role', 'document')
  scroller.tabIndex = 0
  scroller.setAttribute('aria-label', labels.title)
  const toolbar = createToolbar(labels, {
    zoomIn: () => zoom?.in(),
    zoomOut: () => zoom?.out(),
    fit: () => zoom?.fit(),
    print: may.print ? events.onPrintAsked : null,
  })
  toolbar.say(labels.loading)
  element.append(toolbar.element, scroller)
  const refit = () => {
    // On paper it has no size; the reader's place is kept for afterwards.
    if (scroller.clientWidth === 0) return
    zoom?.refit()
    list?.update()
  }
  new ResizeObserver(refit).observe(scroller)
  onDensityChange(refit)

  function setPage(next: number): void {
    page = next
    toolbar.setPage(page, source?.count ?? 1)
    events.onPage(page)
  }

  async function showPages(opened: PageSource): Promise<number> {
    source = opened
    const first = await opened.size(1)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const made = createPageList({
      source: opened,
      first,
      scroller,
      watermark,
      canSelect: may.copy,
      failedText: labels.pageFailed,
      pageLabel: (number) => fill(labels.page, { page: number, pages: opened.count }),
      onPage: setPage,
      onFirst: (error) => (error ? reject(error) : resolve()),
    })
    list = made
    scroller.replaceChildren(made.element)
    zoom = createZoom({ scroller, contentWidth: first.width, setScale: made.setScale })
    zoom.refit()
    made.update()
    await promise
    await painted()
    return opened.count
  }

  async function showSheet(opened: Sheet): Promise<number> {
    sheet = opened
    opened.mark(watermark)
    scroller.replaceChildren(opened.element)
    const setScale = (scale: number) => opened.element.style.setProperty('--scale', String(scale))
    zoom = createZoom({
      scroller,
      contentWidth: Math.min(SHEET_WIDTH, Math.max(320, scroller.clientWidth - 24)),
      setScale,
    })
    zoom.refit()
    setPage(1)
    await painted()
    return 1
  }

  async function printSheets(opened: PageSource, abort: AbortController): Promise<void> {
    await printPages(opened, watermark, abort.signal, (number) => {
      toolbar.say(fill(labels.preparingPrint, { page: number, pages: opened.count }))
    })
  }

  return {
    element,
    page: () => page,
    async show({ kind, bytes, mediaType }, engine) {
      if (bytes.byteLength === 0) throw new ViewerError('empty')
      if (kind === 'text' || kind === 'markdown') return showSheet(openSheet(bytes, kind))
      if (kind === 'image') return showPages(await openPicture(bytes, mediaType))
      if (kind === 'pdf') return showPages(await engine.open(bytes))
      throw new ViewerError('wrong_type')
    },
    fail() {
      const sentence = document.createElement('p')
      sentence.setAttribute('role', 'alert')
      sentence.textContent = labels.failed
      scroller.replaceChildren(sentence)
      toolbar.element.hidden = true
    },
    hide(isHidden) {
      element.classList.toggle('is-hidden', isHidden)
      element.inert = isHidden
    },
    focus: () => scroller.focus(),
    setWatermark(text) {
      watermark = text
      list?.setWatermark(text)
      sheet?.mark(text)
    },
    stopPrinting: () => printing?.abort(),
    isPrinting: () => printing !== null,
    print() {
      if (printing || (!source && !sheet)) return
      if (source && source.count > MAX_PRINTED_PAGES)
        return toolbar.say(fill(labels.printTooLong, { pages: MAX_PRINTED_PAGES }))
      const abort = new AbortController()
      printing = abort
      events.onPrinting(true)
      const pages = source
      const done = pages ? printSheets(pages, abort) : printFlow()
      done
        .catch((error: unknown) => console.warn('printing failed', error))
        .finally(() => {
          printing = null
          events.onPrinting(false)
          toolbar.setPage(page, source?.count ?? 1)
        })
    },
  }
}

/** A window that is moved to another screen, or zoomed by the browser, has other pixels. */
function onDensityChange(tell: () => void): void {
  matchMedia(`(resolution: ${devicePixelRatio}dppx)`).addEventListener(
    'change',
    () => {
      tell()
      onDensityChange(tell)
    },
    { once: true },
  )
}

/** A sheet of text is printed as it stands, its layers with it. */
async function printFlow(): Promise<void> {
  document.body.classList.add('is-flowing')
  window.print()
  document.body.classList.remove('is-flowing')
}

/** After the frame that shows what was changed; a hidden window has none. */
function painted(): Promise<void> {
  return new Promise((resolve) => {
    const done = setTimeout(resolve, 250)
    requestAnimationFrame(() => {
      clearTimeout(done)
      setTimeout(resolve, 0)
    })
  })
}
