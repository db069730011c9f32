import type { ImportAnswer, ImportPreview } from '#server/audit/schema.ts'

/** How much of a file the preview looks at. */
const PREVIEW_BYTES = 256 * 1024

type Problem = { code: string; detail: string; requestId: string; errors: { field: string; detail: string }[] }

/** What the server would not take, with the fields of the mapping that are wrong. */
export class ImportRefused extends Error {
  readonly problem: Problem
  constructor(problem: Problem) {
    super(problem.detail)
    this.name = 'ImportRefused'
    this.problem = problem
  }
}

export async function preview(file: File, mapping: string): Promise<ImportPreview> {
  const form = new FormData()
  form.set('mapping', mapping)
  form.set('beginning', file.slice(0, PREVIEW_BYTES))
  if (file.size <= PREVIEW_BYTES) form.set('whole', 'yes')
  const response = await fetch('/audit/import/preview', { method: 'POST', body: form })
  if (!response.ok) throw refused(await response.text())
  return (await response.json()) as ImportPreview
}

type Sending = { file: File; mapping: string; onSent: (bytes: number) => void; signal: AbortSignal }

/** Sends the whole file. `fetch` cannot say how far it is, so this is an XMLHttpRequest. */
export function send({ file, mapping, onSent, signal }: Sending): Promise<ImportAnswer> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    const query = new URLSearchParams({ mapping, fileName: file.name })
    request.open('POST', `/audit/import/upload?${query}`)
    request.setRequestHeader('content-type', 'application/octet-stream')
    request.upload.onprogress = ({ loaded }) => onSent(loaded)
    request.onload = () => {
      if (request.status === 200) resolve(JSON.parse(request.responseText) as ImportAnswer)
      else reject(refused(request.responseText))
    }
    request.onerror = () => reject(new Error('the connection went'))
    request.onabort = () => reject(new DOMException('stopped', 'AbortError'))
    signal.addEventListener('abort', () => request.abort(), { once: true })
    request.send(file)
  })
}

function refused(text: string): Error {
  try {
    const { code, detail, requestId = '', errors = [] } = JSON.parse(text) as Partial<Problem>
    if (typeof code === 'string') return new ImportRefused({ code, detail: detail ?? code, requestId, errors })
  } catch {
    // Not from us: a proxy, or a connection that ended.
  }
  return new Error('no answer of ours')
}
