import { fileURLToPath } from 'node:url'
import { MAX_PAGES } from './limits.ts'
import { Refused } from './verdict.ts'

// pdf.js asks for these at its loading; nothing is painted here, and its own substitute is a native library.
Object.assign(globalThis, { DOMMatrix: class {}, Path2D: class {} })
// It has no types of its own. Found here, pdf.js does not look for it by name.
const PARSER: string = 'pdfjs-dist/legacy/build/pdf.worker.mjs'
Object.assign(globalThis, { pdfjsWorker: await import(PARSER) })
const pdfjs = await import('pdfjs-dist/legacy/build/pdf.mjs')

const PACKAGE = fileURLToPath(new URL('../../', import.meta.resolve('pdfjs-dist/legacy/build/pdf.mjs')))

/**
 * Opens a PDF and works through its first page without painting it. Nothing in it is run: there is no script engine here, no forms
 * of XFA, and no network. @throws Refused encrypted · malformed · too_large
 */
export async function openPdf(bytes: Uint8Array): Promise<{ pages: number }> {
  const task = pdfjs.getDocument({
    data: bytes,
    enableXfa: false,
    useSystemFonts: false,
    disableFontFace: true,
    stopAtErrors: false,
    // Whether a page opens does not hang on its pictures: they are left out, and their decoders with them.
    maxImageSize: 1,
    cMapUrl: `${PACKAGE}cmaps/`,
    standardFontDataUrl: `${PACKAGE}standard_fonts/`,
    wasmUrl: `${PACKAGE}wasm/`,
    iccUrl: `${PACKAGE}iccs/`,
    verbosity: pdfjs.VerbosityLevel.ERRORS,
  })
  try {
    const document = await task.promise
    const pages = document.numPages
    if (!Number.isInteger(pages) || pages < 1) throw new Refused('malformed')
    if (pages > MAX_PAGES) throw new Refused('too_large')
    await (await document.getPage(1)).getOperatorList()
    return { pages }
  } catch (cause) {
    if (cause instanceof Refused) throw cause
    const isEncrypted = cause instanceof Error && cause.name === 'PasswordException'
    throw new Refused(isEncrypted ? 'encrypted' : 'malformed', cause)
  }
}
