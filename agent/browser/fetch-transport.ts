import { OfflineError } from '#agent/core/errors.ts'
import type { Transport, TransportRequest, TransportResponse } from '#agent/core/ports.ts'

/** Aborts after `ms` without a sign of life. */
function watchSilence(ms: number, onHeard: (() => void) | undefined) {
  const controller = new AbortController()
  const alarm = () => controller.abort(new DOMException(`silence for ${ms} ms`, 'TimeoutError'))
  let timer = setTimeout(alarm, ms)
  return {
    signal: controller.signal,
    heard() {
      onHeard?.()
      clearTimeout(timer)
      timer = setTimeout(alarm, ms)
    },
    end: () => clearTimeout(timer),
  }
}

type Watch = ReturnType<typeof watchSilence>

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

async function* arriving(body: ReadableStream<Uint8Array> | null, watch: Watch): AsyncGenerator<Uint8Array> {
  const reader = body?.getReader()
  try {
    for (;;) {
      const part = await reader?.read()
      if (!part || part.done) return
      watch.heard()
      yield part.value
    }
  } catch (cause) {
    throw new OfflineError(`the connection broke: ${reasonOf(cause)}`, { cause })
  } finally {
    watch.end()
    // Whoever stops reading closes the connection; harmless at the end.
    await reader?.cancel().catch(() => undefined)
  }
}

/** HTTPS by `fetch`. No cookie goes along: a device is known by its key alone. */
export function createFetchTransport(
  options: { fetch?: typeof fetch | undefined /** Something arrived. */; onHeard?: () => void } = {},
): Transport {
  const send = options.fetch ?? ((...args: Parameters<typeof fetch>) => fetch(...args))

  async function request(call: TransportRequest): Promise<TransportResponse> {
    const watch = watchSilence(call.timeoutMs, options.onHeard)
    const signal = call.signal ? AbortSignal.any([call.signal, watch.signal]) : watch.signal
    try {
      const { status, headers, body } = await send(call.url, {
        method: call.method,
        headers: call.headers,
        body: call.body ? new Uint8Array(call.body) : null,
        signal,
        credentials: 'omit',
        cache: 'no-store',
        redirect: 'error',
        referrerPolicy: 'no-referrer',
      })
      watch.heard()
      return { status, header: (name) => headers.get(name), chunks: arriving(body, watch) }
    } catch (cause) {
      watch.end()
      throw new OfflineError(reasonOf(cause), { cause })
    }
  }

  // A browser tells no script how its connection is encrypted; the server sees its own side.
  return { request, tls: () => null }
}
