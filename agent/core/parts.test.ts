import { describe, expect, it } from 'vitest'
import { utf8Encode } from '#lib/bytes.ts'
import { backoffMs } from './backoff.ts'
import { AgentError, GatewayError, OfflineError, toAgentError } from './errors.ts'
import { createLease } from './lease.ts'
import type { Clock } from './ports.ts'
import { parseEventStream, type ServerSentEvent } from './sse.ts'
import { systemClock } from './system-clock.ts'
import { createWaker } from './waker.ts'

async function parsed(...chunks: string[]): Promise<ServerSentEvent[]> {
  async function* arriving() {
    for (const chunk of chunks) yield utf8Encode(chunk)
  }
  const events: ServerSentEvent[] = []
  for await (const event of parseEventStream(arriving())) events.push(event)
  return events
}

describe('event stream', () => {
  const event = { event: 'command', data: 'a.b.c', id: '1' }

  it.each([
    ['LF', ['id: 1\nevent: command\ndata: a.b.c\n\n']],
    ['CRLF', ['id: 1\r\nevent: command\r\ndata: a.b.c\r\n\r\n']],
    ['split anywhere', [...'id: 1\r\nevent: command\r\ndata: a.b.c\r\n\r\n']],
    ['comments between', [': hello\n\nid:1\n: still here\nevent:command\ndata:a.b.c\n\n: bye\n\n']],
  ])('%s', async (_name, chunks) => {
    expect(await parsed(...chunks)).toEqual([event])
  })

  it('drops an unfinished event and joins data lines', async () => {
    expect(await parsed('data: x\ndata: y\n\ndata: cut')).toEqual([{ event: 'message', data: 'x\ny', id: '' }])
  })

  it('refuses a line without end', async () => {
    await expect(parsed('x'.repeat(70_000))).rejects.toThrow('too long')
  })
})

describe('lease', () => {
  function clockAt(start: { now: number; monotonic: number }): Clock {
    return { now: () => start.now, monotonic: () => start.monotonic, sleep: async () => undefined }
  }
  const share = () => new Uint8Array(32).fill(9)

  it('ends on the wall clock: a sleeping machine counts', () => {
    const time = { now: 0, monotonic: 0 }
    const lease = createLease(clockAt(time))
    lease.keep(share(), 10, lease.epoch())
    time.now = 9_999
    expect(lease.share()).toEqual(share())
    time.now = 10_000
    expect(lease.share()).toBeNull()
  })

  it('ends on the monotonic clock: setting the clock back gains nothing', () => {
    const time = { now: 1_000_000, monotonic: 0 }
    const lease = createLease(clockAt(time))
    lease.keep(share(), 10, lease.epoch())
    time.now = 0
    time.monotonic = 10_000
    expect(lease.share()).toBeNull()
    time.monotonic = 0
    expect(lease.share()).toBeNull()
  })

  it('keeps nothing when it is zero, and nothing after a drop', () => {
    const lease = createLease(clockAt({ now: 0, monotonic: 0 }))
    lease.keep(share(), 0, lease.epoch())
    expect(lease.share()).toBeNull()
    lease.keep(share(), 10, lease.epoch())
    lease.drop()
    expect(lease.share()).toBeNull()
  })

  it('does not keep what was asked for before a drop', () => {
    const lease = createLease(clockAt({ now: 0, monotonic: 0 }))
    const epoch = lease.epoch()
    lease.drop()
    lease.keep(share(), 10, epoch)
    expect(lease.share()).toBeNull()
  })
})

describe('pauses', () => {
  it('double up to thirty seconds, with jitter', () => {
    expect(backoffMs(0, () => 0)).toBe(250)
    expect(backoffMs(0, () => 1)).toBe(500)
    expect(backoffMs(3, () => 1)).toBe(4_000)
    expect(backoffMs(50, () => 1)).toBe(30_000)
  })

  it('are cut short by a wake, also by one that came before', async () => {
    const waker = createWaker(systemClock)
    const { signal } = new AbortController()
    waker.wake()
    await waker.wait(60_000, signal)
    setTimeout(waker.wake, 10)
    await waker.wait(60_000, signal)
    await waker.wait(60_000, AbortSignal.abort())
  })
})

describe('what went wrong', () => {
  const codeOf = (error: unknown) => {
    const told = toAgentError(error)
    return told instanceof AgentError ? told.code : 'unknown'
  }
  const answer = (status: number, code: string) => new GatewayError({ status, code, detail: '' })

  it.each([
    ['offline', new OfflineError('no route')],
    ['revoked', answer(401, 'device_revoked')],
    ['pending', answer(403, 'device_pending')],
    ['busy', answer(503, 'unavailable')],
    ['busy', answer(429, 'rate_limited')],
    ['refused', answer(403, 'app_version_too_old')],
    ['storage', Object.assign(new Error('no space left'), { code: 'ENOSPC' })],
    ['storage', Object.assign(new Error('disk I/O error'), { code: 'ERR_SQLITE_ERROR' })],
    ['unknown', new TypeError('a bug')],
  ])('%s', (code, error) => {
    expect(codeOf(error)).toBe(code)
  })
})
