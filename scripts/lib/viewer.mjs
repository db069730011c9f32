import fs from 'node:fs'
import path from 'node:path'
import { ROOT } from './paths.mjs'

const SOURCE = path.join(ROOT, 'viewer/frame')
const PDFJS = path.join(ROOT, 'node_modules/pdfjs-dist')
/** Served as they are at /viewer/. */
export const VIEWER_OUTPUT = path.join(ROOT, 'public/viewer')

/**
 * Bundles the viewer's frame and puts pdf.js beside it: the legacy build, for browsers of a few years.
 * Its part for scripts in PDFs stays out.
 */
export async function buildViewer() {
  fs.rmSync(VIEWER_OUTPUT, { recursive: true, force: true })
  await script(path.join(SOURCE, 'main.ts'), 'frame.js')
  // Published as a module; a frame without an origin can start a classic worker only.
  await script(path.join(PDFJS, 'legacy/build/pdf.worker.min.mjs'), 'pdf.worker.js', {
    define: { 'import.meta.url': 'self.location.href' },
  })
  copy(path.join(SOURCE, 'frame.css'), 'frame.css')
  copy(path.join(PDFJS, 'legacy/build/pdf.min.mjs'), 'pdf.mjs')
  copy(path.join(PDFJS, 'LICENSE'), 'LICENSE.pdfjs')
  for (const folder of ['cmaps', 'iccs', 'standard_fonts', 'wasm']) copy(path.join(PDFJS, folder), folder)
}

async function script(entry, name, options = {}) {
  const { build } = await import('esbuild')
  await build({
    entryPoints: [entry],
    outfile: path.join(VIEWER_OUTPUT, name),
    bundle: true,
    format: 'iife',
    minify: true,
    target: ['chrome120', 'firefox121', 'safari17'],
    legalComments: 'none',
    logLevel: 'error',
    ...options,
  })
}

function copy(from, name) {
  fs.cpSync(from, path.join(VIEWER_OUTPUT, name), {
    recursive: true,
    filter: (file) => !path.basename(file).startsWith('quickjs-eval'),
  })
}
