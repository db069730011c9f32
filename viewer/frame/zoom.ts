const STEP = 1.25
const SMALLEST = 0.5
const LARGEST = 5
/** Wider than this, a page that fits the window would be too large to read. */
const MOST_FITTED_PX = 1100
const MARGIN_PX = 12

export interface Zoom {
  in(): void
  out(): void
  fit(): void
  /** To be called when the window or the content has changed. */
  refit(): void
}

/**
 * Zoom from the width that fits: by buttons, Ctrl and wheel, or two fingers. What lies in the middle of the gesture stays there.
 */
export function createZoom({
  scroller,
  contentWidth,
  setScale,
}: {
  scroller: HTMLElement
  /** In CSS pixels at 100 %. */
  contentWidth: number
  setScale(scale: number): void
}): Zoom {
  let zoom = 1
  let scale = 0

  function fitted(): number {
    const available = Math.max(100, Math.min(scroller.clientWidth - 2 * MARGIN_PX, MOST_FITTED_PX))
    return available / contentWidth
  }

  function zoomTo(next: number, focus = { x: scroller.clientWidth / 2, y: scroller.clientHeight / 2 }): void {
    zoom = Math.min(LARGEST, Math.max(SMALLEST, next))
    const before = scale
    scale = fitted() * zoom
    if (scale === before) return
    const point = { x: scroller.scrollLeft + focus.x, y: scroller.scrollTop + focus.y }
    setScale(scale)
    if (!before) return
    const ratio = scale / before
    scroller.scrollTo({ left: point.x * ratio - focus.x, top: point.y * ratio - focus.y, behavior: 'instant' })
  }

  // A trackpad's pinch arrives as a wheel with Ctrl.
  scroller.addEventListener(
    'wheel',
    (event) => {
      if (!event.ctrlKey) return
      event.preventDefault()
      zoomTo(zoom * Math.exp(-event.deltaY / 200), placeIn(scroller, event))
    },
    { passive: false },
  )
  onPinch(scroller, (ratio, focus) => zoomTo(zoom * ratio, focus))

  return {
    in: () => zoomTo(zoom * STEP),
    out: () => zoomTo(zoom / STEP),
    fit: () => zoomTo(1),
    refit: () => zoomTo(zoom),
  }
}

type Place = { x: number; y: number }

/** Reports each step of a pinch as the change since the last one. */
function onPinch(element: HTMLElement, report: (ratio: number, focus: Place) => void): void {
  let distance = 0
  element.addEventListener(
    'touchmove',
    (event) => {
      const [a, b] = event.touches
      if (!a || !b) return
      event.preventDefault()
      const now = Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY)
      const middle = { clientX: (a.clientX + b.clientX) / 2, clientY: (a.clientY + b.clientY) / 2 }
      if (distance > 0) report(now / distance, placeIn(element, middle))
      distance = now
    },
    { passive: false },
  )
  for (const end of ['touchend', 'touchcancel'] as const) element.addEventListener(end, () => (distance = 0))
}

function placeIn(element: HTMLElement, { clientX, clientY }: { clientX: number; clientY: number }): Place {
  const { left, top } = element.getBoundingClientRect()
  return { x: clientX - left, y: clientY - top }
}
