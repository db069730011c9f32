/**
 * The watermark names who looks, when and on which device. In a page's canvas it is part of the pixels: it is in every
 * picture of them, on paper too.
 */

const ANGLE = -Math.PI / 7
const FONT_PX = 15
const LINE_GAP = 7
const WORD_GAP_PX = 72

/** Paints it over the whole canvas; `density` is device pixels per CSS pixel. */
export function paintWatermark(canvas: HTMLCanvasElement, text: string, density: number): void {
  if (!text) return
  const context = contextOf(canvas)
  context.save()
  context.resetTransform()
  // Whatever the painter of the page left behind must not soften it.
  context.globalAlpha = 1
  context.globalCompositeOperation = 'source-over'
  const reach = Math.hypot(canvas.width, canvas.height)
  context.translate(canvas.width / 2, canvas.height / 2)
  context.rotate(ANGLE)
  const step = setPen(context, text, density)
  const line = FONT_PX * LINE_GAP * density
  for (let row = 0, y = -reach / 2; y < reach / 2; row += 1, y += line) {
    // Rows are shifted, so that no crop of a page's part misses it.
    for (let x = -reach / 2 - (row % 2) * (step / 2); x < reach / 2; x += step) drawOnce(context, text, x, y)
  }
  context.restore()
}

/** The same as a picture to be repeated behind and above text, which has no pixels of ours to paint into. */
export function watermarkTile(text: string, density: number): { url: string; width: number; height: number } | null {
  if (!text) return null
  const canvas = document.createElement('canvas')
  const step = setPen(contextOf(canvas), text, 1)
  // One text is as long as the tile is wide and rises over a whole number of tiles: it continues into itself.
  const rise = Math.max(1, Math.round((step * -Math.sin(ANGLE)) / (FONT_PX * LINE_GAP)))
  const width = Math.ceil(step * Math.cos(ANGLE))
  const height = Math.ceil((step * -Math.sin(ANGLE)) / rise)
  canvas.width = width * density
  canvas.height = height * density
  const context = contextOf(canvas)
  setPen(context, text, density)
  // From every neighbour's place too: what leaves the tile on one side comes in on the other.
  for (let column = -1; column <= 1; column += 1) {
    for (let row = -1; row <= rise + 1; row += 1) {
      context.save()
      context.translate(column * canvas.width, row * canvas.height)
      context.rotate(-Math.atan2(rise * height, width))
      drawOnce(context, text, 0, 0)
      context.restore()
    }
  }
  return { url: canvas.toDataURL('image/png'), width, height }
}

/** @returns the distance from one text to the next, in device pixels */
function setPen(context: CanvasRenderingContext2D, text: string, density: number): number {
  context.font = `600 ${FONT_PX * density}px system-ui, sans-serif`
  context.textBaseline = 'middle'
  context.textAlign = 'left'
  context.lineJoin = 'round'
  context.lineWidth = 1.5 * density
  return context.measureText(text).width + WORD_GAP_PX * density
}

/** Dark letters with a light rim: one of them stands out on whatever lies below. */
function drawOnce(context: CanvasRenderingContext2D, text: string, x: number, y: number): void {
  context.strokeStyle = 'rgb(255 255 255 / 0.16)'
  context.strokeText(text, x, y)
  context.fillStyle = 'rgb(90 96 108 / 0.24)'
  context.fillText(text, x, y)
}

function contextOf(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const context = canvas.getContext('2d')
  if (!context) throw new Error('no canvas: this device is out of graphics memory')
  return context
}
