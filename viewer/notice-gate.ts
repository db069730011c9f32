import type { KeyEdge, NoticeMeans } from './protocol.ts'

/** What one gesture sets off comes within these times: the key, then its event, then the window of the tool it opened. */
const ONE_GESTURE_MS: Record<NoticeMeans, number> = {
  printscreen: 0,
  shortcut: 0,
  print: 1000,
  copy: 300,
  drag: 300,
  focus_lost: 0,
}
/** A capture tool or a print dialogue takes the focus: that is no second notice. */
const TAKES_FOCUS_MS = 1500
const LONGEST_PRESS_MS = 5000

/**
 * Lets one notice through for each gesture, whichever of the two windows saw which part of it.
 * @returns whether to report it
 */
export function createNoticeGate(): (means: NoticeMeans, edge: KeyEdge, atMs: number) => boolean {
  const last = new Map<NoticeMeans, number>()
  let pressedAt = Number.NEGATIVE_INFINITY

  function isSame(means: NoticeMeans, edge: KeyEdge, atMs: number): boolean {
    const since = (other: NoticeMeans) => atMs - (last.get(other) ?? Number.NEGATIVE_INFINITY)
    if (means === 'printscreen') {
      // The release of a press that was reported when it began; without one the release is all there is.
      const isRelease = edge === 'up' && atMs - pressedAt < LONGEST_PRESS_MS
      pressedAt = edge === 'down' ? atMs : Number.NEGATIVE_INFINITY
      return isRelease
    }
    if (means === 'focus_lost')
      return (['printscreen', 'shortcut', 'print'] as const).some((one) => since(one) < TAKES_FOCUS_MS)
    return since(means) < ONE_GESTURE_MS[means]
  }

  return (means, edge, atMs) => {
    if (isSame(means, edge, atMs)) return false
    last.set(means, atMs)
    return true
  }
}
