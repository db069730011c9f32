import { Readable } from 'node:stream'
import { EVENT_LIMITS } from '#protocol/device/messages.ts'
import { ingestDeviceEvents } from '#server/devices/commands.ts'
import { readLines } from '#server/http/lines.ts'
import { AppError } from '#server/kernel/errors.ts'
import { deviceRoute, type Gateway } from '../gateway.ts'

/** `POST events`: NDJSON in, answered when the events are durable and in the tree. */
export function eventsRoute(gateway: Gateway): void {
  deviceRoute(
    gateway,
    { method: 'POST', url: '/events', access: 'enrolled', bodyLimit: EVENT_LIMITS.bytes },
    async ({ device, request }) => {
      if (!(request.body instanceof Readable)) {
        throw new AppError('unsupported_media_type', { detail: 'The body must be application/x-ndjson.' })
      }
      if (Number(request.headers['content-length'] ?? 0) > EVENT_LIMITS.bytes) {
        throw new AppError('too_large', { detail: `At most ${EVENT_LIMITS.bytes} bytes are taken at once.` })
      }
      return ingestDeviceEvents(device.actor, await readLines(request.body, EVENT_LIMITS))
    },
  )
}
