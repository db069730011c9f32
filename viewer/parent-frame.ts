import { ASSETS_PATH, FRAME_PATH, type ViewerSettings } from './protocol.ts'

/** The frame's element. Its document states the same sandbox; both must grant what is granted. */
export function createFrame({ labels, may }: ViewerSettings): HTMLIFrameElement {
  const frame = document.createElement('iframe')
  frame.setAttribute('sandbox', may.print ? 'allow-scripts allow-modals' : 'allow-scripts')
  frame.setAttribute('allow', '')
  frame.referrerPolicy = 'no-referrer'
  frame.title = labels.title
  frame.src = FRAME_PATH
  return frame
}

/** The PDF worker's source, out of this page's cache where it can be; null when it cannot be loaded. */
export async function fetchWorker(signal: AbortSignal): Promise<Blob | null> {
  try {
    const answer = await fetch(`${ASSETS_PATH}pdf.worker.js`, { signal, credentials: 'omit' })
    return answer.ok ? await answer.blob() : null
  } catch {
    // Offline, or closed meanwhile: a PDF will say that it has no worker, everything else is shown without one.
    return null
  }
}
