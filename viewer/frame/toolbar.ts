import type { ViewerLabels } from '../protocol.ts'

export interface Toolbar {
  readonly element: HTMLElement
  setPage(page: number, pages: number): void
  say(sentence: string): void
}

/** Page number and zoom; printing where it is allowed. */
export function createToolbar(
  labels: ViewerLabels,
  actions: { zoomIn(): void; zoomOut(): void; fit(): void; print: (() => void) | null },
): Toolbar {
  const element = document.createElement('div')
  element.className = 'bar'
  element.setAttribute('role', 'toolbar')
  element.setAttribute('aria-label', labels.title)
  const place = document.createElement('output')
  element.append(
    place,
    button('−', labels.zoomOut, actions.zoomOut),
    button('↔', labels.fitWidth, actions.fit),
    button('+', labels.zoomIn, actions.zoomIn),
  )
  if (actions.print) element.append(button(labels.print, labels.print, actions.print))
  return {
    element,
    setPage: (page, pages) => {
      place.textContent = fill(labels.page, { page, pages })
    },
    say: (sentence) => {
      place.textContent = sentence
    },
  }
}

/** Puts values into a text's `{placeholders}`. */
export function fill(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole))
}

function button(face: string, label: string, press: () => void): HTMLButtonElement {
  const element = document.createElement('button')
  element.type = 'button'
  element.textContent = face
  if (face !== label) {
    element.setAttribute('aria-label', label)
    element.title = label
  }
  element.addEventListener('click', press)
  return element
}
