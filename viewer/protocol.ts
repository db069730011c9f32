/** What the page and the viewer's frame say to each other: one hello by window message, everything else over one port. */

/** Both sides come from one build; a frame of another build is refused rather than guessed at. */
export const VIEWER_PROTOCOL = 'gatehouse-viewer/1'

/** Where the frame and its static files lie on the console's origin. */
export const FRAME_PATH = '/viewer/frame'
export const ASSETS_PATH = '/viewer/'

export type ViewerKind = 'pdf' | 'image' | 'text' | 'markdown'

/** A file to show; `bytes` change hands with the message and are empty afterwards. */
export interface ViewerContent {
  kind: ViewerKind
  bytes: ArrayBuffer
  name: string
  mediaType: string
}

export type NoticeMeans = 'printscreen' | 'shortcut' | 'print' | 'copy' | 'drag' | 'focus_lost'

/** Something that a browser can see of an attempt to take the content elsewhere. */
export interface Notice {
  means: NoticeMeans
  /** From 1; 0 while nothing is shown. */
  page: number
  /** Whether the content had been covered, and the cover painted, before it happened. */
  obscured: boolean
}

/** Why nothing can be shown; the first five are also the server's words for a file it will not render. */
export type ViewerFailure = 'encrypted' | 'malformed' | 'empty' | 'too_costly' | 'wrong_type' | 'worker' | 'frame'

export interface ViewerPermissions {
  copy: boolean
  print: boolean
}

export type ViewerTheme = 'light' | 'dark'

/** Every text of the viewer. `{page}` and `{pages}` are replaced. */
export interface ViewerLabels {
  /** Name of the frame for assistive technology. */
  title: string
  loading: string
  page: string
  pageFailed: string
  zoomIn: string
  zoomOut: string
  fitWidth: string
  print: string
  preparingPrint: string
  /** `{pages}` is the most that can be printed. */
  printTooLong: string
  /** On the cover after the window lost focus. */
  covered: string
  /** On the cover after a capture was noticed. */
  noticed: string
  /** On the cover when the page that embeds the viewer asked for it. */
  withheld: string
  resume: string
  /** All that a printer gets where printing is not allowed. */
  printRefused: string
  /** All that a printer gets when the browser's own command is used instead of the viewer's. */
  printHere: string
  failed: string
}

export interface Hello {
  protocol: typeof VIEWER_PROTOCOL
  type: 'hello'
}

/** Answers the hello, with the port. */
export interface Welcome {
  protocol: typeof VIEWER_PROTOCOL
  type: 'welcome'
}

export interface ViewerSettings {
  labels: ViewerLabels
  /** Painted into what is shown; empty for none. */
  watermark: string
  may: ViewerPermissions
  theme: ViewerTheme
  /** BCP 47. */
  language: string
}

export type ToFrame =
  /** The source of the PDF worker, ahead of any file, or that there is none: the page has an HTTP cache, a frame without an origin has not. */
  | { type: 'warm'; pdfWorker: Blob | null }
  /** Once, before all that follows; the frame may have waited for it. */
  | { type: 'configure'; settings: ViewerSettings }
  | { type: 'show'; content: ViewerContent }
  | { type: 'watermark'; text: string }
  | { type: 'theme'; theme: ViewerTheme }
  /** The page withholds the content, or no longer. */
  | { type: 'withhold'; withheld: boolean }
  /** The page saw the window's focus go or return. */
  | { type: 'attention'; isHere: boolean }
  /** The page noticed a capture on its own window. */
  | { type: 'captured' }
  /** The keys that most capture shortcuts begin with are held down, or no longer. */
  | { type: 'poised'; isPoised: boolean }
  | { type: 'print' }

export type FromFrame =
  | { type: 'shown'; pages: number }
  | { type: 'failed'; reason: ViewerFailure }
  | { type: 'page'; page: number }
  | { type: 'covered'; isCovered: boolean }
  /** The frame lost the focus: perhaps to the page around it, which knows. */
  | { type: 'away'; notice: Notice }
  | { type: 'noticed'; notice: Notice; edge: KeyEdge }
  /** The viewer's own printing begins or is over; its dialogue takes the focus. */
  | { type: 'printing'; isPrinting: boolean }
  /** Escape: the focus goes back to the page. */
  | { type: 'leave' }

/** One press of a key has two; some systems deliver the second alone. */
export type KeyEdge = 'down' | 'up' | 'none'

export function isHello(data: unknown): data is Hello {
  return isMessage(data) && data.type === 'hello'
}

export function isWelcome(data: unknown): data is Welcome {
  return isMessage(data) && data.type === 'welcome'
}

function isMessage(data: unknown): data is { type: unknown } {
  return typeof data === 'object' && data !== null && Reflect.get(data, 'protocol') === VIEWER_PROTOCOL
}
