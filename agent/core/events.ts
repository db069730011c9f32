import { utf8Encode } from '#lib/bytes.ts'
import { formatTime } from '#lib/time.ts'
import { uuidv7 } from '#lib/uuid.ts'
import { EVENT_LIMITS, type EventLine, eventLineSchema } from '#protocol/device/messages.ts'
import type { Device } from './device.ts'
import { AgentError, GatewayError } from './errors.ts'
import { readStanding, writeStanding } from './identity.ts'

/** What happened, as the agent's parts say it; number, id and time are added here. */
export type EventDraft = Omit<EventLine, 'seq' | 'id' | 'at'>

/** Writes an event down for good and gives its number. Throws `clone_suspected` on a directory that has a twin. */
export async function recordEvent(device: Device, draft: EventDraft): Promise<number> {
  await expectNoClone(device)
  const id = uuidv7()
  const at = formatTime(device.ports.clock.now())
  // A draft that the server would reject is a bug or a bad argument: find out before it takes a number.
  eventLineSchema.parse({ seq: 1, id, at, ...draft })
  return device.queue.append((seq) => JSON.stringify({ seq, id, at, ...draft }))
}

function cloneError(): AgentError {
  return new AgentError(
    'clone_suspected',
    'This device was stopped: another copy of its directory is in use. Ask an administrator, then enrol again.',
  )
}

export async function expectNoClone(device: Device): Promise<void> {
  if ((await readStanding(device.ports.store))?.cloneSuspectedAt) throw cloneError()
}

async function stopAsClone(device: Device): Promise<never> {
  const at = formatTime(device.ports.clock.now())
  device.lease.drop()
  await writeStanding(device.ports.store, { status: 'blocked', at, cloneSuspectedAt: at })
  throw cloneError()
}

export type FlushResult = { sent: number; duplicates: number; rejected: { seq?: number | undefined; code: string }[] }

type Batch = { seq: number; line: string }[]

/** Sends one batch, smaller ones where the gateway finds it too large. */
async function sendBatch(device: Device, batch: Batch, signal?: AbortSignal) {
  let size = batch.length
  for (;;) {
    const part = batch.slice(0, size)
    try {
      const lines = part.map((event) => `${event.line}\n`).join('')
      const answer = await device.client.events(utf8Encode(lines), signal)
      return { answer, part }
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      if (error.code === 'clone_suspected') return stopAsClone(device)
      if (error.status !== 413 || size === 1) throw error
      size = Math.ceil(size / 2)
    }
  }
}

/**
 * Sends what is queued, oldest first, until nothing is left. A line leaves the queue only when the server says that it is
 * durable; if we die before forgetting it, it is sent again and the server drops it.
 */
export async function flushEvents(device: Device, signal?: AbortSignal): Promise<FlushResult> {
  await expectNoClone(device)
  const result: FlushResult = { sent: 0, duplicates: 0, rejected: [] }
  for (;;) {
    const batch = await device.queue.peek({ lines: EVENT_LIMITS.lines, bytes: EVENT_LIMITS.bytes })
    const [first] = batch
    if (!first) return result
    const { answer, part } = await sendBatch(device, batch, signal)
    const last = part.at(-1)?.seq ?? 0
    // Never believe more than was sent: a server restored from a backup may count differently.
    const through = Math.min(answer.acceptedThrough, last)
    if (through < first.seq) {
      throw new AgentError('refused', `The gateway accepted through ${through}, but ${first.seq} was sent.`)
    }
    await device.queue.acknowledge(through)
    result.sent += part.filter((event) => event.seq <= through).length
    result.duplicates += answer.duplicates
    result.rejected.push(...answer.rejected.map(({ seq, code }) => ({ seq, code })))
  }
}
