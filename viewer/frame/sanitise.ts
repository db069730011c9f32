/**
 * HTML that the server made of Markdown, taken apart once more: nothing of it is inserted, a tree of allowed elements is
 * built anew from it. What is not named here loses its tags and keeps its text, or goes with all it holds.
 */

const KEPT = new Set(
  [
    'a',
    'abbr',
    'b',
    'blockquote',
    'br',
    'code',
    'dd',
    'del',
    'div',
    'dl',
    'dt',
    'em',
    'h1',
    'h2',
    'h3',
    'h4',
    'h5',
    'h6',
  ]
    .concat(['hr', 'i', 'ins', 'kbd', 'li', 'mark', 'ol', 'p', 'pre', 's', 'samp', 'span', 'strong', 'sub', 'sup'])
    .concat(['table', 'tbody', 'td', 'tfoot', 'th', 'thead', 'tr', 'u', 'ul']),
)
/** Gone with their content, which is no text for a reader. */
const DROPPED = new Set(
  ['script', 'style', 'template', 'noscript', 'iframe', 'object', 'embed', 'svg', 'math', 'head', 'title', 'link']
    .concat(['meta', 'base', 'form', 'input', 'button', 'select', 'textarea', 'audio', 'video', 'canvas', 'frame'])
    .concat(['frameset', 'noframes', 'noembed', 'xmp', 'plaintext', 'portal', 'dialog', 'slot']),
)
const XHTML = 'http://www.w3.org/1999/xhtml'
/** Deeper trees are no document. */
const MAX_DEPTH = 100

/** @returns a fragment that holds text, allowed elements and their harmless attributes alone. */
export function sanitise(html: string): DocumentFragment {
  // A document without a window: nothing in it runs or is fetched.
  const parsed = new DOMParser().parseFromString(html, 'text/html')
  const fragment = document.createDocumentFragment()
  copyChildren(parsed.body, fragment, 0)
  return fragment
}

function copyChildren(from: Node, into: Node, depth: number): void {
  if (depth > MAX_DEPTH) return
  for (const child of from.childNodes) {
    if (child.nodeType === Node.TEXT_NODE) into.appendChild(document.createTextNode(child.textContent ?? ''))
    else if (child instanceof Element) copyElement(child, into, depth)
  }
}

function copyElement(element: Element, into: Node, depth: number): void {
  const name = element.localName
  if (element.namespaceURI !== XHTML || DROPPED.has(name)) return
  if (name === 'img') {
    into.appendChild(document.createTextNode(element.getAttribute('alt') ?? ''))
    return
  }
  const isKept = KEPT.has(name)
  const made = isKept ? document.createElement(name) : into
  if (made instanceof HTMLElement && isKept) copyAttributes(element, made)
  copyChildren(element, made, depth + 1)
  if (isKept) into.appendChild(made)
}

/** Links keep their look and lose their target. */
function copyAttributes(from: Element, made: HTMLElement): void {
  for (const attribute of ['colspan', 'rowspan', 'start']) {
    const value = from.getAttribute(attribute) ?? ''
    if (/^\d{1,4}$/.test(value)) made.setAttribute(attribute, value)
  }
  if (made.localName !== 'td' && made.localName !== 'th') return
  const align = /^text-align:\s*(left|right|center);?$/.exec(from.getAttribute('style') ?? '')?.[1]
  if (align) made.style.textAlign = align
}
