import type { ViewerLabels } from '../protocol.ts'

/** Why the content is covered. Several may hold at once; it is uncovered when none does. */
export type CoverReason = 'withheld' | 'captured' | 'away' | 'poised'

export interface Cover {
  readonly element: HTMLElement
  set(reason: CoverReason, holds: boolean): void
  has(reason: CoverReason): boolean
  /** Whether whoever took a picture now would find the cover on it: it has been painted, not only asked for. */
  isPainted(): boolean
}

/**
 * An opaque layer before the content, which is hidden as well: a layer alone would leave it to assistive tools and to
 * selection. It comes in the same task as its cause; what the screen showed before, it cannot take back.
 */
export function createCover({
  labels,
  hide,
  onChange,
  onResume,
}: {
  labels: ViewerLabels
  /** Hides the content, or shows it again. */
  hide(isHidden: boolean): void
  /** The cover has been painted, or it is gone. */
  onChange(isCovered: boolean): void
  onResume(): void
}): Cover {
  const reasons = new Set<CoverReason>()
  const element = document.createElement('div')
  element.className = 'cover'
  element.hidden = true
  const sentence = document.createElement('p')
  sentence.setAttribute('role', 'status')
  const resume = document.createElement('button')
  resume.type = 'button'
  resume.textContent = labels.resume
  element.append(sentence, resume)
  let isPainted = false

  function draw(): void {
    const isCovered = reasons.size > 0
    const changes = isCovered === element.hidden
    element.hidden = !isCovered
    // Withheld by the page: nothing that the reader does here brings it back.
    resume.hidden = reasons.has('withheld')
    sentence.textContent = sentenceFor(reasons, labels)
    if (!changes) return
    hide(isCovered)
    isPainted = false
    if (!isCovered) onChange(false)
    else afterNextPaint(confirm)
  }

  function confirm(): void {
    if (reasons.size === 0 || isPainted) return
    isPainted = true
    onChange(true)
  }

  function set(reason: CoverReason, holds: boolean): void {
    if (reasons.has(reason) === holds) return
    if (holds) reasons.add(reason)
    else reasons.delete(reason)
    draw()
  }

  // Anywhere on it: a thumb need not find the button.
  element.addEventListener('click', () => {
    for (const reason of ['captured', 'away', 'poised'] as const) set(reason, false)
    onResume()
  })
  return { element, set, has: (reason) => reasons.has(reason), isPainted: () => isPainted }
}

function sentenceFor(reasons: ReadonlySet<CoverReason>, labels: ViewerLabels): string {
  if (reasons.has('withheld')) return labels.withheld
  return reasons.has('captured') ? labels.noticed : labels.covered
}

/** The first callback runs before the frame that shows the change, the second one after it. */
function afterNextPaint(run: () => void): void {
  requestAnimationFrame(() => requestAnimationFrame(run))
}
