import { ViewerError } from './failure.ts'
import { boundedDensity, canvasFor, type PageSource } from './page-source.ts'

/** No SVG: it is a document, not a picture. */
const TYPES = new Set(['image/png', 'image/jpeg', 'image/webp', 'image/gif', 'image/avif'])
const MAX_PIXELS = 150_000_000

/**
 * A picture as a source of one page.
 * @throws ViewerError wrong_type, malformed, too_costly
 */
export async function openPicture(bytes: ArrayBuffer, mediaType: string): Promise<PageSource> {
  if (!TYPES.has(mediaType)) throw new ViewerError('wrong_type')
  const bitmap = await createImageBitmap(new Blob([bytes], { type: mediaType })).catch((error: unknown) => {
    throw new ViewerError('malformed', { cause: error })
  })
  if (bitmap.width * bitmap.height > MAX_PIXELS) throw new ViewerError('too_costly')
  const size = { width: bitmap.width, height: bitmap.height }
  return {
    count: 1,
    size: async () => size,
    paint: async (_, wanted) => {
      const canvas = canvasFor(size, boundedDensity(size, wanted))
      const context = canvas.getContext('2d')
      if (!context) throw new ViewerError('too_costly')
      context.imageSmoothingQuality = 'high'
      context.drawImage(bitmap, 0, 0, canvas.width, canvas.height)
      return canvas
    },
    forget: () => undefined,
  }
}
