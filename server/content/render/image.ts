import sharp from 'sharp'
import { MAX_LONG_SIDE, MAX_PIXELS } from './limits.ts'
import { Refused } from './verdict.ts'

// Each file meets a decoder written for it and no other: not SVG, not PDF, not what runs programs.
sharp.block({ operation: ['VipsForeignLoad'] })
sharp.unblock({
  operation: [
    'VipsForeignLoadPngBuffer',
    'VipsForeignLoadJpegBuffer',
    'VipsForeignLoadWebpBuffer',
    'VipsForeignLoadNsgifBuffer',
    'VipsForeignLoadHeifBuffer',
    'VipsForeignLoadTiffBuffer',
  ],
})
sharp.cache(false)
sharp.concurrency(1)

/** Up to here a picture without loss stays without loss. */
const LOSSLESS_PIXELS = 4_000_000
const LOSSLESS = new Set(['png', 'gif'])

export type Picture = { mediaType: string; body: Uint8Array<ArrayBuffer> }

/**
 * A picture decoded and encoded anew: first frame, upright, in sRGB, without metadata, at most 4096 px long.
 * @throws Refused too_large for more than 100 megapixels · malformed
 */
export async function encodeAnew(bytes: Uint8Array): Promise<Picture> {
  const options = { limitInputPixels: MAX_PIXELS, sequentialRead: true, failOn: 'error', pages: 1 } as const
  try {
    const { width, height, format } = await sharp(bytes, { ...options, limitInputPixels: false }).metadata()
    if (width * height > MAX_PIXELS) throw new Refused('too_large')
    const upright = sharp(bytes, options)
      .autoOrient()
      .resize({ width: MAX_LONG_SIDE, height: MAX_LONG_SIDE, fit: 'inside', withoutEnlargement: true })
    const isLossless = LOSSLESS.has(format) && width * height <= LOSSLESS_PIXELS
    const encoded = isLossless ? upright.png({ compressionLevel: 7 }) : upright.webp({ quality: 86, effort: 2 })
    const body = await encoded.toBuffer()
    return { mediaType: isLossless ? 'image/png' : 'image/webp', body: new Uint8Array(body) }
  } catch (cause) {
    if (cause instanceof Refused) throw cause
    const isTooLarge = cause instanceof Error && /pixel limit|too large/i.test(cause.message)
    throw new Refused(isTooLarge ? 'too_large' : 'malformed', cause)
  }
}
