import { ASSETS_PATH, type ToFrame } from '../protocol.ts'
import { meetParent } from './meeting.ts'
import { createPdfEngine } from './pdf.ts'
import { startViewer } from './viewer.ts'

// The document has no origin of its own; that of its script is the console's.
const { src } = document.currentScript as HTMLScriptElement
const { origin } = new URL(src)

// Loads ahead of any file, and before anybody says what it will be.
const engine = createPdfEngine(`${origin}${ASSETS_PATH}`)

meetParent(origin, (port) => {
  let receive: ((message: ToFrame) => void) | null = null
  port.onmessage = ({ data }: MessageEvent<ToFrame>) => {
    if (data.type === 'warm') engine.warm(data.pdfWorker)
    else if (data.type === 'configure') receive ??= startViewer({ settings: data.settings, port, engine })
    else receive?.(data)
  }
})
