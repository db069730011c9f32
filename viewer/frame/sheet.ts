import { ViewerError } from './failure.ts'
import { sanitise } from './sanitise.ts'
import { watermarkTile } from './watermark.ts'

const MAX_BYTES = 32 * 1024 * 1024
const LINES_A_BLOCK = 200

export interface Sheet {
  readonly element: HTMLElement
  mark(text: string): void
}

/**
 * Text or Markdown on one long sheet, with the watermark behind and above it. These are layers and not pixels of the
 * content: they are on every picture and printout of the sheet, but whoever can change the frame's document with
 * developer tools can take them off. (The same person could read the bytes from memory; the release is on record.)
 * @throws ViewerError too_costly, malformed
 */
export function openSheet(bytes: ArrayBuffer, kind: 'text' | 'markdown'): Sheet {
  if (bytes.byteLength > MAX_BYTES) throw new ViewerError('too_costly')
  const text = decode(bytes)
  const body = kind === 'markdown' ? article(text) : plain(text)
  const element = block('sheet')
  const layers = [block('mark under'), block('mark over')]
  for (const layer of layers) layer.setAttribute('aria-hidden', 'true')
  element.append(...layers, body)
  return { element, mark: (watermark) => paintLayers(layers, watermark) }
}

function decode(bytes: ArrayBuffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw new ViewerError('malformed', { cause: error })
  }
}

function article(html: string): HTMLElement {
  const body = document.createElement('article')
  body.append(sanitise(html))
  return body
}

/** In blocks that the browser lays out only when they come near: long logs stay quick. */
function plain(text: string): HTMLElement {
  const body = block('plain')
  const lines = text.split(/\r\n|\r|\n/)
  for (let from = 0; from < lines.length; from += LINES_A_BLOCK) {
    const part = lines.slice(from, from + LINES_A_BLOCK)
    const pre = document.createElement('pre')
    pre.className = 'lines'
    pre.textContent = part.join('\n')
    pre.style.setProperty('--lines', String(part.length))
    body.append(pre)
  }
  return body
}

function paintLayers(layers: HTMLElement[], text: string): void {
  const tile = watermarkTile(text, Math.min(3, Math.max(1, devicePixelRatio)))
  for (const { style } of layers) {
    style.backgroundImage = tile ? `url("${tile.url}")` : 'none'
    if (tile) style.backgroundSize = `${tile.width}px ${tile.height}px`
  }
}

function block(className: string): HTMLElement {
  const element = document.createElement('div')
  element.className = className
  return element
}
