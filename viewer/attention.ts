import { hasAttention } from './parent-watch.ts'
import type { Notice } from './protocol.ts'

/** By then every part of a browser knows which one has the focus. */
const SETTLES_MS = [60, 300]

export interface Attention {
  /** The focus has left one of the two windows; it is lost when it is in neither. */
  left(notice: Notice): void
  returned(): void
  /** The frame has uncovered itself: somebody is there. */
  seen(): void
}

/** Decides whether the reader has turned away: the frame knows of its own focus alone, the page of both. */
export function createAttention({
  signal,
  frame,
  tell,
  report,
}: {
  signal: AbortSignal
  frame: HTMLIFrameElement
  /** Tells the frame. */
  tell(isHere: boolean): void
  report(notice: Notice): void
}): Attention {
  let isAway = false

  function look(notice: Notice): void {
    if (signal.aborted || isAway) return
    isAway = !hasAttention()
    tell(!isAway)
    if (isAway) report(notice)
  }

  return {
    left(notice) {
      if (isAway) return
      // Gone from the page, or to another part of it: that is known at once.
      if (!hasAttention() || document.activeElement !== frame) look(notice)
      for (const ms of SETTLES_MS) setTimeout(look, ms, notice)
    },
    returned() {
      isAway = false
      tell(true)
    },
    seen() {
      isAway = false
    },
  }
}
