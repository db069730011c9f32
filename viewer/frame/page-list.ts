import type { PageSource, Size } from './page-source.ts'
import { paintWatermark } from './watermark.ts'

/** Pages kept painted at once, whatever the file's length: the visible ones and their neighbours. */
const MAX_PAINTED = 24
const SETTLE_MS = 120

interface Slot {
  readonly number: number
  readonly element: HTMLElement
  canvas: HTMLCanvasElement | null
  /** Density at which it was painted. */
  density: number
  isSized: boolean
  hasFailed: boolean
}

export interface PageListOptions {
  source: PageSource
  first: Size
  scroller: HTMLElement
  watermark: string
  canSelect: boolean
  /** Text in place of a page that could not be painted. */
  failedText: string
  pageLabel(page: number): string
  onPage(page: number): void
  /** The first page has been painted, or it could not be. */
  onFirst(error: unknown): void
}

export interface PageList {
  readonly element: HTMLElement
  /** Scale 1 is 100 %. */
  setScale(scale: number): void
  setWatermark(text: string): void
  /** Looks again at what is visible. */
  update(): void
}

/**
 * A column of pages of which only those near the visible part are painted. A page enters the document when its
 * watermark is in it, never before.
 */
export function createPageList(options: PageListOptions): PageList {
  const { source, scroller } = options
  const element = document.createElement('div')
  element.className = 'pages'
  const slots = Array.from({ length: source.count }, (_, index) => createSlot(index + 1, options))
  element.append(...slots.map((slot) => slot.element))
  let scale = 1
  let watermark = options.watermark
  let current: { slot: Slot; abort: AbortController } | null = null
  let isFirstDone = false
  let shownPage = 0
  let settling: ReturnType<typeof setTimeout> | undefined

  const density = () => scale * Math.min(4, Math.max(1, devicePixelRatio))

  function visible(): { from: number; to: number; page: number } {
    const top = scroller.scrollTop
    const bottom = top + scroller.clientHeight
    const from = indexAt(slots, top)
    return { from, to: Math.max(from, indexAt(slots, bottom - 1)), page: indexAt(slots, (top + bottom) / 2) + 1 }
  }

  /** What should be painted, the most wanted first: visible pages, the next one, the previous one. */
  function wanted(): Slot[] {
    const { from, to } = visible()
    const order = slots.slice(from, to + 1)
    for (const neighbour of [slots[to + 1], slots[from - 1]]) if (neighbour) order.push(neighbour)
    return order.slice(0, MAX_PAINTED)
  }

  function update(): void {
    const { page } = visible()
    if (page !== shownPage) options.onPage(page)
    shownPage = page
    const near = new Set(wanted())
    for (const slot of slots) if (!near.has(slot)) drop(slot)
    if (current && !near.has(current.slot)) current.abort.abort()
    if (!current) paintNext()
  }

  function drop(slot: Slot): void {
    if (!slot.canvas) return
    // Browsers free a canvas's memory late unless it is empty.
    slot.canvas.width = 0
    slot.canvas = null
    slot.density = 0
    slot.element.replaceChildren()
    source.forget(slot.number)
  }

  function paintNext(): void {
    const slot = wanted().find((one) => !one.hasFailed && one.density !== density())
    if (!slot) return
    const abort = new AbortController()
    current = { slot, abort }
    paint(slot, density(), abort.signal)
      .then(
        () => undefined,
        (error: unknown) => (abort.signal.aborted ? undefined : (error ?? new Error('not painted'))),
      )
      .then((error) => {
        current = null
        if (error) fail(slot, error)
        if (slot.number === 1 && !isFirstDone && !abort.signal.aborted) {
          isFirstDone = true
          options.onFirst(error)
        }
        paintNext()
      })
  }

  async function paint(slot: Slot, at: number, signal: AbortSignal): Promise<void> {
    if (!slot.isSized) resize(slot, await source.size(slot.number))
    const canvas = await source.paint(slot.number, at, { signal })
    paintWatermark(canvas, watermark, canvas.width / (sizeOf(slot).width * scale))
    signal.throwIfAborted()
    canvas.setAttribute('role', 'img')
    canvas.setAttribute('aria-label', options.pageLabel(slot.number))
    if (slot.canvas) slot.canvas.width = 0
    slot.canvas = canvas
    slot.density = at
    slot.element.querySelector('canvas')?.remove()
    slot.element.prepend(canvas)
    if (slot.element.childElementCount === 1) addText(slot)
  }

  /** Selectable where copying is allowed; else for screen readers alone. */
  function addText(slot: Slot): void {
    const { text } = source
    if (!text) return
    const layer = document.createElement('div')
    slot.element.append(layer)
    layer.className = options.canSelect ? 'textLayer' : 'read-aloud'
    const laid = options.canSelect
      ? text.lay(slot.number, layer)
      : text.read(slot.number).then((words) => layer.append(words))
    // The page itself is painted; without its text it is still shown.
    laid.catch(() => layer.remove())
  }

  function resize(slot: Slot, size: Size): void {
    slot.isSized = true
    setSize(slot.element, size)
  }

  function fail(slot: Slot, error: unknown): void {
    slot.hasFailed = true
    const sentence = document.createElement('p')
    sentence.textContent = options.failedText
    slot.element.replaceChildren(sentence)
    console.warn(`page ${slot.number} could not be painted`, error)
  }

  /** Paints anew what is painted now; until then the old picture is stretched. */
  function repaintSoon(): void {
    clearTimeout(settling)
    settling = setTimeout(() => {
      current?.abort.abort()
      update()
    }, SETTLE_MS)
  }

  let isScheduled = false
  scroller.addEventListener('scroll', () => {
    if (isScheduled) return
    isScheduled = true
    requestAnimationFrame(() => {
      isScheduled = false
      update()
    })
  })

  return {
    element,
    update,
    setScale(next) {
      scale = next
      element.style.setProperty('--scale', String(next))
      if (isFirstDone) repaintSoon()
    },
    setWatermark(text) {
      watermark = text
      for (const slot of slots) slot.density = 0
      repaintSoon()
    },
  }
}

function createSlot(number: number, { first }: PageListOptions): Slot {
  const element = document.createElement('div')
  element.className = 'page'
  element.dataset.page = String(number)
  // Until it is known, a page is taken to be as large as the first.
  setSize(element, first)
  return { number, element, canvas: null, density: 0, isSized: number === 1, hasFailed: false }
}

function setSize(element: HTMLElement, { width, height }: Size): void {
  element.style.setProperty('--w', String(width))
  element.style.setProperty('--h', String(height))
}

function sizeOf({ element }: Slot): Size {
  return {
    width: Number(element.style.getPropertyValue('--w')),
    height: Number(element.style.getPropertyValue('--h')),
  }
}

/** Index of the last page that begins at or above `y`; pages lie one below the other. */
function indexAt(slots: Slot[], y: number): number {
  let [low, high] = [0, slots.length - 1]
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if ((slots[middle]?.element.offsetTop ?? 0) <= y) low = middle
    else high = middle - 1
  }
  return low
}
