import {
  ASSETS_PATH,
  FRAME_PATH,
  type FromFrame,
  isHello,
  type ToFrame,
  VIEWER_PROTOCOL,
  type Welcome,
} from './protocol.ts'

/** A frame and the port into it. */
export interface FrameLink {
  readonly frame: HTMLIFrameElement
  readonly canPrint: boolean
  /** Whether the frame has said hello. */
  isOpen(): boolean
  /** Waits for the hello where it must. */
  send(message: ToFrame, transfer?: Transferable[]): void
  listen(read: (message: FromFrame) => void): void
  /** Removes the frame, and with it all that it held. */
  close(): void
}

/** Puts a new frame into `place`, answers its hello with a port and gives it the PDF worker's source. */
export function createLink(place: Element, canPrint: boolean): FrameLink {
  const ending = new AbortController()
  const frame = createFrame(canPrint)
  const waiting: { message: ToFrame; transfer: Transferable[] }[] = []
  let read: (message: FromFrame) => void = () => undefined
  let port: MessagePort | null = null

  function send(message: ToFrame, transfer: Transferable[] = []): void {
    if (port) port.postMessage(message, transfer)
    else waiting.push({ message, transfer })
  }

  function welcome(event: MessageEvent): void {
    // The frame has no origin to compare; that it is this very window says more.
    if (port || event.source !== frame.contentWindow || !isHello(event.data)) return
    const channel = new MessageChannel()
    port = channel.port1
    port.onmessage = ({ data }: MessageEvent<FromFrame>) => read(data)
    const answer: Welcome = { protocol: VIEWER_PROTOCOL, type: 'welcome' }
    // An opaque origin can be addressed by `*` alone. Nothing is said here; everything goes over the port.
    frame.contentWindow?.postMessage(answer, '*', [channel.port2])
    for (const { message, transfer } of waiting.splice(0)) send(message, transfer)
  }

  window.addEventListener('message', welcome, { signal: ending.signal })
  fetchWorker(ending.signal).then((pdfWorker) => send({ type: 'warm', pdfWorker }))
  place.append(frame)
  return {
    frame,
    canPrint,
    isOpen: () => port !== null,
    send,
    listen: (next) => {
      read = next
    },
    close() {
      ending.abort()
      read = () => undefined
      port?.close()
      waiting.length = 0
      frame.remove()
    },
  }
}

/** Its document states the same sandbox; both must grant what is granted. */
function createFrame(canPrint: boolean): HTMLIFrameElement {
  const frame = document.createElement('iframe')
  frame.setAttribute('sandbox', canPrint ? 'allow-scripts allow-modals' : 'allow-scripts')
  frame.setAttribute('allow', '')
  frame.referrerPolicy = 'no-referrer'
  frame.src = FRAME_PATH
  return frame
}

/** The PDF worker's source, out of this page's cache where it can be; null when it cannot be loaded. */
async function fetchWorker(signal: AbortSignal): Promise<Blob | null> {
  try {
    const answer = await fetch(`${ASSETS_PATH}pdf.worker.js`, { signal, credentials: 'omit' })
    return answer.ok ? await answer.blob() : null
  } catch {
    // Offline, or closed meanwhile: a PDF will say that it has no worker, everything else is shown without one.
    return null
  }
}
