import type { PDFDocumentProxy, PDFPageProxy, PDFWorker } from 'pdfjs-dist'
import { ViewerError } from './failure.ts'
import { boundedDensity, canvasFor, type PageSource, type PaintOptions, type Size } from './page-source.ts'

type Library = typeof import('pdfjs-dist')

/** A PDF counts in points. */
const PX_PER_POINT = 96 / 72
/** Of one picture inside a file; more would be there to hurt. */
const MAX_IMAGE_PIXELS = 100_000_000

export interface PdfEngine {
  /** Starts the worker from its source, so that it is up before a file arrives. Null: there is no source. */
  warm(source: Blob | null): void
  /** @throws ViewerError encrypted, malformed, worker */
  open(bytes: ArrayBuffer): Promise<PageSource>
}

/** pdf.js, loaded and waiting. One frame opens one file: there is nothing to close but the frame. */
export function createPdfEngine(assets: string): PdfEngine {
  const library: Promise<Library> = import(`${assets}pdf.mjs`)
  const port = Promise.withResolvers<Worker>()
  for (const one of [library, port.promise]) one.catch(() => undefined)

  async function worker(): Promise<PDFWorker> {
    try {
      const { PDFWorker } = await library
      // The declaration says null, the constructor takes a Worker.
      return new PDFWorker({ port: (await port.promise) as unknown as null })
    } catch (error) {
      throw new ViewerError('worker', { cause: error })
    }
  }

  return {
    warm(source) {
      if (!source) return port.reject(new ViewerError('worker'))
      // A frame without an origin may start a worker from a blob of its own alone, and Chromium then no module.
      const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }))
      const started = new Worker(url)
      started.addEventListener('error', () => port.reject(new ViewerError('worker')), { once: true })
      // Its first message says that it has loaded.
      started.addEventListener('message', () => port.resolve(started), { once: true })
      Promise.allSettled([port.promise]).then(() => URL.revokeObjectURL(url))
    },
    async open(bytes) {
      const started = await worker()
      const loaded = await library
      return pagesOf(loaded, await load(loaded, started, bytes, assets))
    },
  }
}

async function load(
  library: Library,
  worker: PDFWorker,
  bytes: ArrayBuffer,
  assets: string,
): Promise<PDFDocumentProxy> {
  const task = library.getDocument({
    data: bytes,
    worker,
    cMapUrl: `${assets}cmaps/`,
    standardFontDataUrl: `${assets}standard_fonts/`,
    wasmUrl: `${assets}wasm/`,
    iccUrl: `${assets}iccs/`,
    // Forms of this kind bring scripts; scripting itself lives in a part of pdf.js that is not shipped here.
    enableXfa: false,
    maxImageSize: MAX_IMAGE_PIXELS,
    verbosity: library.VerbosityLevel.ERRORS,
  })
  try {
    return await task.promise
  } catch (error) {
    const isEncrypted = error instanceof Error && error.name === 'PasswordException'
    throw new ViewerError(isEncrypted ? 'encrypted' : 'malformed', { cause: error })
  }
}

function pagesOf(library: Library, document: PDFDocumentProxy): PageSource {
  const sized = async (number: number) => {
    const page = await document.getPage(number)
    const { width, height } = page.getViewport({ scale: PX_PER_POINT })
    return { page, size: { width, height } }
  }
  return {
    count: document.numPages,
    size: async (number) => (await sized(number)).size,
    paint: async (number, wanted, how) => {
      const { page, size } = await sized(number)
      how.signal.throwIfAborted()
      return paintPage(library, page, canvasOf(size, wanted), how)
    },
    text: {
      async lay(number, container) {
        const { page } = await sized(number)
        const viewport = page.getViewport({ scale: 1 })
        await new library.TextLayer({ textContentSource: page.streamTextContent(), container, viewport }).render()
      },
      async read(number) {
        const { items } = await (await sized(number)).page.getTextContent()
        return items.map((item) => ('str' in item ? item.str + (item.hasEOL ? '\n' : '') : '')).join('')
      },
    },
    forget: async (number) => (await document.getPage(number)).cleanup(),
  }
}

function canvasOf(size: Size, wanted: number): { canvas: HTMLCanvasElement; density: number } {
  const density = boundedDensity(size, wanted)
  return { canvas: canvasFor(size, density), density }
}

async function paintPage(
  library: Library,
  page: PDFPageProxy,
  { canvas, density }: { canvas: HTMLCanvasElement; density: number },
  { signal, isForPrint = false }: PaintOptions,
): Promise<HTMLCanvasElement> {
  const task = page.render({
    canvas,
    viewport: page.getViewport({ scale: PX_PER_POINT * density }),
    intent: isForPrint ? 'print' : 'display',
    // Annotations are painted with the page. There is no annotation layer: no link, button or form can be used.
    annotationMode: library.AnnotationMode.ENABLE,
  })
  const cancel = () => task.cancel()
  signal.addEventListener('abort', cancel)
  try {
    await task.promise
    return canvas
  } catch (error) {
    canvas.width = 0
    signal.throwIfAborted()
    throw error
  } finally {
    signal.removeEventListener('abort', cancel)
  }
}
