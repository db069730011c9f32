import type { PageSource, Size } from './page-source.ts'
import { paintWatermark } from './watermark.ts'

/** 150 dots per inch. */
const PRINT_DENSITY = 150 / 96
/** Beyond it the pictures of the pages would not fit into a phone's memory. */
export const MAX_PRINTED_PAGES = 300

/** What a sheet of A4 has within its margins, in CSS pixels. */
const SHEET: Size = { width: 703, height: 1032 }

/** Device pixels per pixel of the sheet that the page will fill: a page of any size gets a watermark that can be read on paper. */
export function paperDensity(canvasWidth: number, { width, height }: Size): number {
  return (canvasWidth / width) * Math.max(width / SHEET.width, height / SHEET.height)
}

/**
 * Prints pictures of all pages, the watermark in their pixels; they exist only as long as the dialogue.
 * @param onPage told before each page is painted
 */
export async function printPages(
  source: PageSource,
  watermark: string,
  signal: AbortSignal,
  onPage: (page: number) => void,
): Promise<void> {
  const sheets = document.createElement('div')
  sheets.className = 'prints'
  try {
    for (let page = 1; page <= source.count; page += 1) {
      onPage(page)
      const image = new Image()
      image.src = await pictureOf(source, page, watermark, signal)
      await image.decode()
      sheets.append(image)
    }
    signal.throwIfAborted()
    document.body.append(sheets)
    document.body.classList.add('is-printing')
    window.print()
  } finally {
    document.body.classList.remove('is-printing')
    sheets.remove()
  }
}

/** A data URL: the way by a blob waits for an idle browser, up to a second a page. */
async function pictureOf(source: PageSource, page: number, watermark: string, signal: AbortSignal): Promise<string> {
  const canvas = await source.paint(page, PRINT_DENSITY, { signal, isForPrint: true })
  signal.throwIfAborted()
  paintWatermark(canvas, watermark, paperDensity(canvas.width, await source.size(page)))
  source.forget(page)
  const url = canvas.toDataURL('image/jpeg', 0.92)
  canvas.width = 0
  return url
}
