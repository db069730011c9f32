/** A width and height in CSS pixels at 100 %. */
export interface Size {
  width: number
  height: number
}

/** Something with pages that can be painted one at a time: a PDF, or a picture as its only page. Pages count from 1. */
export interface PageSource {
  readonly count: number
  size(page: number): Promise<Size>
  /** Paints into a canvas that is in no document yet; rejects with an AbortError when `signal` is aborted. */
  paint(page: number, density: number, how: PaintOptions): Promise<HTMLCanvasElement>
  /** The page's text, to be selected or to be read aloud; absent where there is none. */
  text?: PageText
  /** Frees what painting the page has kept. */
  forget(page: number): void
}

export interface PaintOptions {
  signal: AbortSignal
  /** For a printer: what the file wants on paper alone is there. */
  isForPrint?: boolean
}

export interface PageText {
  /** Lays transparent text over the page; it follows the page's size by `--total-scale-factor`. */
  lay(page: number, container: HTMLElement): Promise<void>
  read(page: number): Promise<string>
}

/** iOS gives up above 16.7 million pixels in one canvas. */
export const MAX_CANVAS_PIXELS = 16_000_000

/** Device pixels per CSS pixel, reduced until the whole page fits into one canvas. */
export function boundedDensity({ width, height }: Size, density: number): number {
  return Math.min(density, Math.sqrt(MAX_CANVAS_PIXELS / (width * height)))
}

export function canvasFor({ width, height }: Size, density: number): HTMLCanvasElement {
  const canvas = document.createElement('canvas')
  canvas.width = Math.max(1, Math.floor(width * density))
  canvas.height = Math.max(1, Math.floor(height * density))
  return canvas
}
