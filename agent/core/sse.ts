export type ServerSentEvent = { event: string; data: string; id: string }

/** Longest unfinished line that is kept; a longer one ends the stream. */
const MAX_LINE = 64 * 1024

type Fields = { event: string; data: string[]; id: string }

function takeLine(line: string, fields: Fields): void {
  const colon = line.indexOf(':')
  const name = colon < 0 ? line : line.slice(0, colon)
  const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
  if (name === 'event') fields.event = value
  if (name === 'data') fields.data.push(value)
  if (name === 'id' && !value.includes('\0')) fields.id = value
}

/** Events of a `text/event-stream` body (WHATWG HTML §9.2.6). Comments keep the connection alive and are dropped. */
export async function* parseEventStream(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder()
  let rest = ''
  let fields: Fields = { event: 'message', data: [], id: '' }
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true })
    // A CR at the very end may be half of a CRLF: leave it for the next chunk.
    const lines = rest.split(/\r\n|\n|\r(?!$)/)
    rest = lines.pop() ?? ''
    if (rest.length > MAX_LINE) throw new RangeError('a line of the event stream is too long')
    for (const line of lines) {
      if (line !== '') {
        if (!line.startsWith(':')) takeLine(line, fields)
        continue
      }
      if (fields.data.length > 0) yield { event: fields.event, data: fields.data.join('\n'), id: fields.id }
      fields = { event: 'message', data: [], id: fields.id }
    }
  }
}
