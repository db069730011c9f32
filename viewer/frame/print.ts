import type { PageSource } from './page-source.ts'
import { paintWatermark } from './watermark.ts'

/** 150 dots per inch. */
const PRINT_DENSITY = 150 / 96
/** Beyond it the pictures of the pages would not fit into a phone's memory. */
export const MAX_PRINTED_PAGES = 300

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
  const urls: string[] = []
  try {
    for (let page = 1; page <= source.count; page += 1) {
      onPage(page)
      const url = URL.createObjectURL(await pictureOf(source, page, watermark, signal))
      urls.push(url)
      const image = new Image()
      image.src = url
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
    for (const url of urls) URL.revokeObjectURL(url)
  }
}

async function pictureOf(source: PageSource, page: number, watermark: string, signal: AbortSignal): Promise<Blob> {
  const canvas = await source.paint(page, PRINT_DENSITY, signal)
  signal.throwIfAborted()
  paintWatermark(canvas, watermark, canvas.width / (await source.size(page)).width)
  source.forget(page)
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/jpeg', 0.92))
  canvas.width = 0
  if (!blob) throw new Error(`page ${page} gave no picture`)
  return blob
}
