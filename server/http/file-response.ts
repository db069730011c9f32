/** Bytes that can be read from anywhere and never change. */
export type ServedFile = {
  name: string
  type?: string
  sizeBytes: number
  /** A strong validator, in its quotes. */
  etag: string
  read(from: number, to: number): AsyncGenerator<Uint8Array>
}

/**
 * The file as a download, or the range that was asked for (RFC 9110 section 14; one range, several are answered with the whole
 * file). `If-Range` with another validator than ours gets the whole file, too.
 */
export function fileResponse(request: Request, file: ServedFile): Response {
  const { etag, name, sizeBytes, type = 'application/zip' } = file
  const headers = {
    'accept-ranges': 'bytes',
    'cache-control': 'private, no-store',
    'content-disposition': `attachment; filename="${name.replace(/[^\w.-]/g, '_')}"`,
    'content-type': type,
    'x-content-type-options': 'nosniff',
    etag,
  }
  const range = readRange(request, { etag, sizeBytes })
  if (range === 'unsatisfiable')
    return new Response(null, { status: 416, headers: { ...headers, 'content-range': `bytes */${sizeBytes}` } })
  const { from, to } = range ?? { from: 0, to: sizeBytes }
  // Read as it is sent: a slow reader makes us wait, one that leaves ends the reading.
  const body = request.method === 'HEAD' ? null : streamOf(file.read(from, to))
  const response = new Response(body, {
    status: range ? 206 : 200,
    headers: { ...headers, 'content-length': String(to - from) },
  })
  if (range) response.headers.set('content-range', `bytes ${from}-${to - 1}/${sizeBytes}`)
  return response
}

/** What was made for this answer alone, as a download; `name` is of the server's making. */
export function madeFileResponse(name: string, content: BodyInit, type = 'text/plain; charset=utf-8'): Response {
  return new Response(content, {
    headers: {
      'content-type': type,
      'content-disposition': `attachment; filename="${name}"`,
      'cache-control': 'private, no-store',
    },
  })
}

function streamOf(pieces: AsyncGenerator<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      const { value, done } = await pieces.next()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    cancel: async () => void (await pieces.return(undefined)),
  })
}

type Range = { from: number; to: number }

/** The one range that is asked for; null for the whole file. */
function readRange(
  request: Request,
  { etag, sizeBytes }: { etag: string; sizeBytes: number },
): Range | 'unsatisfiable' | null {
  const only = request.headers.get('if-range')
  if (only !== null && only !== etag) return null
  const match = /^bytes=(\d*)-(\d*)$/.exec(request.headers.get('range')?.replaceAll(' ', '') ?? '')
  if (!match || (match[1] === '' && match[2] === '')) return null
  const [, first = '', last = ''] = match
  if (first === '') {
    const from = Math.max(0, sizeBytes - Number(last))
    return from < sizeBytes ? { from, to: sizeBytes } : 'unsatisfiable'
  }
  const from = Number(first)
  const to = last === '' ? sizeBytes : Math.min(sizeBytes, Number(last) + 1)
  // Ends before it begins: no range at all, says section 14.1.1.
  if (last !== '' && Number(last) < from) return null
  return from < sizeBytes ? { from, to } : 'unsatisfiable'
}
