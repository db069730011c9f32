import type { FromFrame, KeyEdge, Notice, NoticeMeans, ToFrame, ViewerContent, ViewerSettings } from '../protocol.ts'
import { createCover } from './cover.ts'
import { reasonOf, ViewerError } from './failure.ts'
import { watchWindow } from './notices.ts'
import type { PdfEngine } from './pdf.ts'
import { createStage, type Stage } from './stage.ts'

/** A file that has not shown its first page by then never will. */
const PATIENCE_MS = 60_000

/**
 * The viewer in its frame: what is noticed goes to the page.
 * @returns takes what the page says to the stage and the cover
 */
export function startViewer({
  settings,
  port,
  engine,
}: {
  settings: ViewerSettings
  port: MessagePort
  engine: PdfEngine
}): (message: ToFrame) => void {
  const { labels, may } = settings
  const send = (message: FromFrame) => port.postMessage(message)
  const stage = createStage(settings, {
    onPage: (page) => send({ type: 'page', page }),
    onPrinting: (isPrinting) => send({ type: 'printing', isPrinting }),
    onPrintAsked: print,
  })
  const cover = createCover({
    labels,
    hide: (isHidden) => stage.hide(isHidden),
    onChange: (isCovered) => send({ type: 'covered', isCovered }),
    onResume: () => stage.focus(),
  })

  document.documentElement.lang = settings.language
  document.documentElement.dataset.theme = settings.theme
  document.body.classList.toggle('may-copy', may.copy)
  document.body.classList.toggle('may-print', may.print)
  document.body.append(stage.element, cover.element, paper(may.print ? labels.printHere : labels.printRefused))
  document.body.querySelector('script')?.remove()

  function notice(means: NoticeMeans): Notice {
    // On paper there is nothing but a sentence where printing is not allowed.
    const isBlank = means === 'print' && !may.print
    return { means, page: stage.page(), obscured: cover.isPainted() || isBlank }
  }

  function noticed(means: NoticeMeans, edge: KeyEdge): void {
    // The dialogue that our own printing opens says so again.
    if (means === 'print' && stage.isPrinting()) return
    send({ type: 'noticed', notice: notice(means), edge })
    if (means === 'printscreen' || means === 'shortcut') cover.set('captured', true)
  }

  function away(): void {
    if (stage.isPrinting()) return
    // The snipping tool's own keys do not arrive; that it takes the focus while they are held does.
    const isSnipping = cover.has('poised') && /win/i.test(navigator.platform)
    const lost = notice(isSnipping ? 'shortcut' : 'focus_lost')
    cover.set('away', true)
    cover.set('poised', false)
    send({ type: 'away', notice: lost })
  }

  function print(): void {
    if (stage.isPrinting()) return
    noticed('print', 'none')
    if (may.print && !cover.has('withheld')) stage.print()
  }

  watchWindow(may, {
    noticed,
    away,
    print,
    here: () => cover.set('away', false),
    poised: (isPoised) => cover.set('poised', isPoised),
    leave: () => send({ type: 'leave' }),
  })

  return (data) => {
    switch (data.type) {
      case 'show':
        show(stage, engine, data.content, send)
        break
      case 'watermark':
        stage.setWatermark(data.text)
        break
      case 'theme':
        document.documentElement.dataset.theme = data.theme
        break
      case 'withhold':
        if (data.withheld) stage.stopPrinting()
        cover.set('withheld', data.withheld)
        break
      case 'attention':
        cover.set('away', !data.isHere)
        break
      case 'captured':
        cover.set('captured', true)
        break
      case 'poised':
        cover.set('poised', data.isPoised)
        break
      case 'print':
        print()
        break
    }
  }
}

function show(stage: Stage, engine: PdfEngine, content: ViewerContent, send: (message: FromFrame) => void): void {
  const { promise: tooLong, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new ViewerError('too_costly')), PATIENCE_MS)
  Promise.race([stage.show(content, engine), tooLong])
    .then(
      (pages) => send({ type: 'shown', pages }),
      (error: unknown) => {
        console.warn('the file cannot be shown', error)
        send({ type: 'failed', reason: reasonOf(error) })
        stage.fail()
      },
    )
    .finally(() => clearTimeout(timer))
}

/** All that a printer gets of this document unless its own printing is at work. */
function paper(sentence: string): HTMLElement {
  const element = document.createElement('p')
  element.className = 'paper'
  element.textContent = sentence
  return element
}
