import { createLink, type FrameLink } from './parent-link.ts'

/** Moves an element without loading what is in it anew; not in every browser, nor in TypeScript's declarations. */
type Mover = Element & { moveBefore?: (node: Node, child: Node | null) => void }

/** A frame that has not said hello by then is not worth waiting for. */
const HOPE_MS = 8000

let spare: { link: FrameLink; attic: HTMLElement; since: number } | null = null

/**
 * Gets one frame ready out of sight, with pdf.js loaded and its worker up, for the next file that is opened. To be
 * called where a file is about to be opened: a list of them, or a link that is pointed at. Once is enough, and harmless
 * where it cannot help.
 */
export function warmViewer({ canPrint }: { canPrint: boolean }): void {
  if (!('moveBefore' in Element.prototype) || hasSpare(canPrint)) return
  dropSpare()
  const attic = document.createElement('div')
  attic.inert = true
  attic.style.cssText = 'position:fixed;visibility:hidden;width:0;height:0;overflow:hidden'
  document.body.append(attic)
  spare = { link: createLink(attic, canPrint), attic, since: performance.now() }
}

/** The waiting frame, moved into `place`; null when there is none of this kind. */
export function takeSpare(place: Mover, canPrint: boolean): FrameLink | null {
  if (!spare || !hasSpare(canPrint) || !place.moveBefore) return null
  const { link, attic } = spare
  spare = null
  place.moveBefore(link.frame, null)
  attic.remove()
  return link
}

function hasSpare(canPrint: boolean): boolean {
  if (spare?.link.canPrint !== canPrint) return false
  return spare.link.isOpen() || performance.now() - spare.since < HOPE_MS
}

function dropSpare(): void {
  spare?.link.close()
  spare?.attic.remove()
  spare = null
}
