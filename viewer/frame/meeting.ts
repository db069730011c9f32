import { type Hello, isWelcome, VIEWER_PROTOCOL } from '../protocol.ts'

/** Says hello to the embedding page and takes exactly one port, from it alone. */
export function meetParent(origin: string, start: (port: MessagePort) => void): void {
  if (window.parent === window) return
  window.addEventListener('message', function meet(event) {
    if (event.source !== window.parent || event.origin !== origin || !isWelcome(event.data)) return
    const [port] = event.ports
    if (!port) return
    window.removeEventListener('message', meet)
    start(port)
  })
  const hello: Hello = { protocol: VIEWER_PROTOCOL, type: 'hello' }
  window.parent.postMessage(hello, origin)
}
